import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { ConnectionStringError } from '../../lib/options/connection-string.error.js';
import { parseConnectionString as parse } from '../../lib/options/connection-string.js';
import { withSeed } from '../support/seed.js';

describe('the options of an ioredis client that is created from a plan', () => {
  const optionsOf = (text: string) => new Redis({ ...parse(text).redis, lazyConnect: true }).options;

  it('turn TCP keep-alive off, set its delay, or leave the default', () => {
    expect(optionsOf('h,tcpKeepAlive=false').keepAlive).toBeNull();
    expect(optionsOf('redis://h?keepAlive=5000').keepAlive).toBe(5000);
    expect(optionsOf('h').keepAlive).toBe(new Redis({ lazyConnect: true }).options.keepAlive);
  });

  it('contain the address of a Redis node, of a socket, or of sentinels', () => {
    expect(optionsOf('REDISS://u:p@h/0')).toMatchObject({
      host: 'h',
      port: 6379,
      username: 'u',
      tls: { servername: 'h' },
    });
    expect(optionsOf('/r.sock')).toMatchObject({ path: '/r.sock' });
    expect(optionsOf('s,serviceName=m')).toMatchObject({
      name: 'm',
      sentinels: [{ host: 's', port: 26379 }],
    });
  });
});

describe('secrets', () => {
  const SEPARATORS = [
    '',
    ',',
    '=',
    ',=',
    ',x=',
    '@',
    '/',
    '?',
    '#',
    '%',
    ':',
    '&',
    ' ',
    '$',
    ',$',
    '://',
    '[',
    '|',
    '!',
  ];
  /** § is the place of the secret. */
  const TEMPLATES = [
    '§',
    '§,ssl=true',
    'h,password=§',
    'h,password=§,ssl=maybe',
    'password=§,h:1,oops=1',
    'h,user=§,password=x,proxy=twemproxy',
    'h,user=me,password=§,$PUBLISH=',
    'h,sentinelPassword=§,defaultDatabase=2',
    'h,sentinelUser=§',
    's,serviceName=m,sentinelPassword=§,tunnel=x',
    'h,pasword=§',
    'h:§',
    'h,ssl=§',
    'h,connectTimeout=§',
    'h,protocol=§',
    'h,version=§',
    'h,sslProtocols=§',
    'h,sslHost=§',
    'h,tunnel=http://u:§@p',
    'h,$FLUSHALL=§',
    'h1,h2,password=§',
    'redis://§@h',
    'redis://:§@h:x',
    'redis://u:§@h/1',
    'redis://§:p@h?oops=1',
    'redis://u:§@h1,h2',
    'redis://u:§@',
    'redis://u:§',
    'redis://h:§',
    'redis://h/§',
    'redis://h?password=§',
    'redis://h?password=§&password=§',
    'redis://h?sentinelPassword=§&connectTimeout=x',
    'redis://h?tls=§',
    'redis://h#§',
    'redis+sentinel://u:§@s1,s2',
    'redis+sentinel://u:§@s1,u:§@s2/m/x',
    'redis+sentinel://s1/m?sentinelPassword=§&oops=1',
    'rediss+cluster://u:§@h1,h2/1',
    'http://u:§@h',
    'u:§@h:6379',
    'unix://u:§@/',
    'unix://u:§@h/r.sock',
    '/r.sock?password=§&oops=1',
    'memory:§',
  ];

  /** All text that parsing the string can log: its warnings, or its error. */
  function outputOf(text: string): string {
    try {
      return parse(text).warnings.join('\n');
    } catch (error) {
      if (!(error instanceof ConnectionStringError)) throw error;
      return `${error.message}\n${String(error.key)}\n${String(error.cause)}\n${error.stack}`;
    }
  }

  /** Every substring of five characters. */
  function pieces(secret: string): string[] {
    return Array.from({ length: secret.length - 4 }, (_, start) =>
      secret.slice(start, start + 5).toLowerCase(),
    );
  }

  it.each(TEMPLATES)('never appear in the output for %s, whatever they contain', (template) => {
    for (const separator of SEPARATORS) {
      const text = template.replaceAll('§', () => `Hunt3r2${separator}H0rse5`);
      expect(outputOf(text), `separator ${separator}`).not.toMatch(/hunt3r2|h0rse5/i);
    }
  });

  it.each(TEMPLATES.filter((template) => /(user|password)=§|:\/\/(u:|:)?§/i.test(template)))(
    'never appear in the output for %s, even if a separator splits them into plain words',
    (template) => {
      for (const separator of [',', '?', '/', '#', '@']) {
        const text = template.replaceAll('§', () => `Hunter${separator}Horse=Battery@Staple`);
        expect(outputOf(text), `separator ${separator}`).not.toMatch(/hunter|horse|battery|staple/i);
      }
    },
  );

  it('never appear in the output for damaged strings', async () => {
    const secret = 'Zq7xVw3kPy9';
    const separators = Array.from(',=@:/?#%&[]$ ');
    await withSeed((random) => {
      const leaks: string[] = [];
      for (let round = 0; round < 6_000; round++) {
        let text = random.pick(TEMPLATES).replaceAll('§', secret);
        for (let damages = 1 + random.below(2); damages > 0; damages--) {
          const at = random.below(text.length);
          const insert = random.below(2) === 0 ? '' : random.pick(separators);
          text = text.slice(0, at) + insert + text.slice(at + 1 - random.below(2));
        }
        const output = outputOf(text).toLowerCase();
        if (pieces(secret).some((piece) => output.includes(piece))) leaks.push(text);
      }
      expect(leaks).toEqual([]);
    });
  });
});
