import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { checkRedisOptions } from '../../lib/options/redis-options.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';

const require = createRequire(import.meta.url);

/** The options with defaults in ioredis, read from its source. */
function optionsOfIoredis(): string[] {
  const file = require.resolve('ioredis').replace(/index\.js$/, 'redis/RedisOptions.js');
  const keys = [...readFileSync(file, 'utf8').matchAll(/^ {4}(\w+):/gm)].map(([, key]) => key ?? '');
  if (keys.length < 20) throw new Error('ioredis no longer lists its options in this file.');
  return keys;
}

describe('an option of ioredis', () => {
  it.each(optionsOfIoredis())('%s has a rule', (key) => {
    expect(checkRedisOptions({ [key]: 'x' }).problems.join()).not.toContain('ioredis has no option');
  });

  it.each([
    ['reconnectOnError', () => true],
    ['commandTimeout', 50],
    ['maxRetriesPerRequest', 20],
    ['enableOfflineQueue', true],
    ['socketTimeout', 100],
    ['db', 2],
    ['scripts', {}],
  ])('%s is ignored with one warning that names it and says why', (key, value) => {
    const { options, warnings, problems } = checkRedisOptions({ [key]: value });
    expect([options, problems]).toEqual([{}, []]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(new RegExp(`redis\\.${key} is ignored: .{10}`));
  });

  it.each([
    ['lazyConnect', true],
    ['enableOfflineQueue', false],
    ['maxRetriesPerRequest', 0],
    ['autoResubscribe', false],
    ['role', 'master'],
    ['reconnectOnError', null],
    ['commandTimeout', undefined],
  ])('%s: %j causes no warning, because it requests what the backplane does anyway', (key, value) => {
    expect(checkRedisOptions({ [key]: value })).toMatchObject({ warnings: [], problems: [] });
  });

  it.each([
    ['keyPrefix', 'p:', 'channelPrefix'],
    ['role', 'slave', 'master'],
    ['monitor', true, 'monitors'],
    ['Connector', 'any', 'connectionFactory'],
  ])('%s is refused with advice', (key, value, advice) => {
    const [problem] = checkRedisOptions({ [key]: value }).problems;
    expect(problem).toContain(`redis.${key}: must not be set`);
    expect(problem).toContain(advice);
  });

  it.each([
    ['pasword', 'password'],
    ['conectTimeout', 'connectTimeout'],
    ['retrystrategy', 'retryStrategy'],
    ['userName', 'username'],
    ['sentinelPasswrd', 'sentinelPassword'],
  ])('%s is refused as misspelled, with %s as a suggestion', (misspelled, meant) => {
    const [problem] = checkRedisOptions({ [misspelled]: 'hunter2' }).problems;
    expect(problem).toContain(`did you mean '${meant}'?`);
    expect(problem).not.toContain('hunter2');
  });

  it.each(['constructor', 'toString', '__proto__x', 'url', 'cluster'])('%s is refused as unknown', (key) => {
    expect(checkRedisOptions({ [key]: 1 }).problems[0]).toContain(`ioredis has no option '${key}'`);
  });

  it('that is ignored causes a warning in the resolved options, and does not reach the clients', () => {
    const { connection } = resolveOptions({ redis: { commandTimeout: 5, connectTimeout: 700 } });
    expect(connection.warnings).toHaveLength(1);
    expect(connection.redis).toMatchObject({ connectTimeout: 700 });
    expect(connection.redis).not.toHaveProperty('commandTimeout');
  });
});
