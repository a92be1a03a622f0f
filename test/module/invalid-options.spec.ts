import { describe, expect, it } from 'vitest';
import { InvalidOptionsError } from '../../lib/options/invalid-options.error.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const SECRET = 'hunter2-hunter2';

/** The error for options that TypeScript would not allow, such as those from JavaScript or from a file. */
async function refusal(options: unknown): Promise<InvalidOptionsError> {
  const module = RedisBackplaneModule.forRootAsync({ useFactory: () => options as object });
  const error: unknown = await farm.app({ imports: [module] }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof InvalidOptionsError) return error;
  throw new Error('The options were accepted.', { cause: error });
}

describe('invalid options stop bootstrap with a message that names', () => {
  it.each<[name: string, options: unknown, message: RegExp]>([
    ['an unknown option', { conection: 'redis://h' }, /there is no option 'conection'/],
    ['every unknown option', { urls: [], host: 'h' }, /no option 'urls', 'host'/],
    ['a connection that is not a string', { connection: 6379 }, /connection: .*string/],
    ['an empty connection', { connection: '' }, /connection: /],
    ['a connection with an unknown scheme', { connection: 'http://h' }, /connection: /],
    ['an unknown key of a connection string', { connection: 'h:6379,sll=true' }, /connection: .*sll/],
    ['a prefix with a slash', { channelPrefix: 'my/app' }, /channelPrefix: must be made of/],
    ['a prefix with a star', { channelPrefix: 'my*' }, /channelPrefix: must be made of/],
    ['an empty prefix', { channelPrefix: '' }, /channelPrefix: must be made of/],
    ['a prefix with a line break', { channelPrefix: 'a\n' }, /channelPrefix: must be made of/],
    [
      'a bad prefix in the connection string',
      { connection: 'redis://h?channelPrefix=a/b' },
      /connection: channelPrefix must/,
    ],
    ['a key prefix of ioredis', { redis: { keyPrefix: 'p:' } }, /redis\.keyPrefix: .*channelPrefix/],
    ['redis options that are not an object', { redis: 'redis://h' }, /redis: .*object/],
    ['abortConnect that is not a boolean', { abortConnect: 'yes' }, /abortConnect: .*boolean/],
    ['a startupTimeout with a unit', { startupTimeout: '5s' }, /startupTimeout: expected milliseconds.*"5s"/],
    ['a publishTimeout of 0', { publishTimeout: 0 }, /publishTimeout: expected milliseconds/],
    ['a negative unsubscribeDelay', { unsubscribeDelay: -1 }, /unsubscribeDelay: expected milliseconds/],
    [
      'messageBytes so large that Redis would disconnect slow subscribers',
      { limits: { messageBytes: 8_388_609 } },
      /limits\.messageBytes: expected bytes, as an integer from 1 to 8388608, got 8388609/,
    ],
    [
      'a logger without the methods of LoggerService',
      { logger: { log: () => undefined } },
      /logger: must be an object with the methods/,
    ],
    ['presence that is not an object', { presence: 5 }, /presence: expected an object, got 5; for example/],
    [
      'presence data that is not a function',
      { presence: { data: {} } },
      /presence\.data: must be a function/,
    ],
    [
      'an unknown presence option',
      { presence: { zzzzzz: 1 } },
      /presence: there is no option 'zzzzzz'; .*data/,
    ],
    [
      'an authenticate object without an authenticate method',
      { authenticate: {} },
      /authenticate: must be a function, or a class/,
    ],
    [
      'an authenticate class without an authenticate method',
      {
        authenticate: class Guard {
          readonly check = true;
        },
      },
      /authenticate: the class Guard has no method authenticate/,
    ],
    ['no protocols', { protocols: [] }, /protocols: /],
    ['an unknown protocol', { protocols: ['json', 'xml'] }, /protocols\.1: .*json/],
    [
      'a connectionFactory that is not a function',
      { connectionFactory: {} },
      /connectionFactory: must be a function/,
    ],
    ['several hosts with a scheme for a single one', { connection: 'redis://a:1,b:2' }, /connection: /],
    [
      'a connectionFactory for a cluster',
      { connection: 'redis+cluster://a,b', connectionFactory: () => undefined },
      /connectionFactory: cannot serve a cluster/,
    ],
    ['sharded that is not a boolean', { sharded: 'yes' }, /sharded: .*boolean/],
    ['sharded without a cluster', { sharded: true }, /sharded: needs a cluster/],
    [
      'sharded with a prefix that has braces',
      { sharded: true, connection: 'redis+cluster://a', channelPrefix: '{a}' },
      /channelPrefix: must not contain braces/,
    ],
    ['no options at all', undefined, /options: /],
  ])('%s', async (_name, options, message) => {
    expect((await refusal(options)).message).toMatch(message);
  });

  it('each of several invalid options at once', async () => {
    const { message, problems } = await refusal({
      channelPrefix: '/',
      abortConnect: 1,
      protocols: [],
      redis: { keyPrefix: 'p' },
      x: 1,
    });
    expect(problems).toHaveLength(5);
    for (const name of ['channelPrefix', 'abortConnect', 'protocols', 'keyPrefix', "'x'"])
      expect(message).toContain(name);
    expect(message).not.toContain('\n');
  });
});

describe('no part of the error shows a secret in', () => {
  it.each<[name: string, options: unknown]>([
    ['a URL', { connection: `redis://user:${SECRET}@h:0x/`, x: 1 }],
    ['a URL with an unknown parameter', { connection: `redis://user:${SECRET}@h?nope=${SECRET}` }],
    ['a URL whose password is not escaped', { connection: `redis://:a?${SECRET}@h` }],
    ['a connection string with an unknown key', { connection: `h:6379,pasword=${SECRET}` }],
    ['a connection string with an invalid value', { connection: `h:6379,password=${SECRET},ssl=${SECRET}` }],
    ['an unknown scheme', { connection: `htpp://:${SECRET}@h` }],
    [
      'redis options',
      { redis: { password: SECRET, keyPrefix: SECRET }, abortConnect: SECRET, channelPrefix: `/${SECRET}` },
    ],
    ['a protocol', { protocols: [SECRET], connection: [SECRET] }],
    ['a connection string in place of the options', `redis://:${SECRET}@h`],
  ])('%s', async (_name, options) => {
    const error = await refusal(options);
    const shown = [error.message, error.stack, JSON.stringify(error), String(error.cause)].join();
    expect(shown).not.toContain(SECRET);
    expect(shown).not.toContain('hunter2');
  });
});
