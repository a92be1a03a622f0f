import { describe, expect, it } from 'vitest';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { type ResolvedOptions, resolveOptions } from '../../lib/options/resolve-options.js';

type Read = (resolved: ResolvedOptions) => unknown;
const redis =
  (name: string): Read =>
  ({ connection }) =>
    (connection.redis as Record<string, unknown>)[name];

/** A setting that the connection string and an option can both contain. */
interface Conflict {
  readonly what: string;
  /** Connection strings that set `inString`, in every format that can. */
  readonly strings: readonly string[];
  readonly options: RedisBackplaneOptions;
  readonly read: Read;
  readonly inString: unknown;
  readonly inOptions: unknown;
}

const CONFLICTS: readonly Conflict[] = [
  {
    what: 'abortConnect, option false, string true',
    strings: ['redis://h?abortConnect=true', 'h,abortConnect=true'],
    options: { abortConnect: false },
    read: ({ abortConnect }) => abortConnect,
    inString: true,
    inOptions: false,
  },
  {
    what: 'abortConnect, option true, string false',
    strings: ['redis://h?abortConnect=false', 'h,abortConnect=false'],
    options: { abortConnect: true },
    read: ({ abortConnect }) => abortConnect,
    inString: false,
    inOptions: true,
  },
  {
    what: 'publishTimeout',
    strings: [
      'redis://h?publishTimeout=700',
      'redis://h?publishTimeoutMs=700',
      'h,asyncTimeout=700',
      'h,syncTimeout=700',
    ],
    options: { publishTimeout: 900 },
    read: ({ publishTimeoutMs }) => publishTimeoutMs,
    inString: 700,
    inOptions: 900,
  },
  {
    what: 'channelPrefix',
    strings: ['redis://h?channelPrefix=string', 'h,channelPrefix=string'],
    options: { channelPrefix: 'options' },
    read: ({ channelPrefix }) => channelPrefix,
    inString: 'string',
    inOptions: 'options',
  },
  ...(
    [
      ['username', 'u', 'other', ['redis://u@h', 'redis://h?username=u', 'h,user=u']],
      ['password', 'p', 'other', ['redis://:p@h', 'redis://h?password=p', 'h,password=p']],
      ['db', 3, 0, ['redis://h/3', 'redis://h?db=3', 'h,defaultDatabase=3']],
      ['connectTimeout', 700, 900, ['redis://h?connectTimeout=700', 'h,connectTimeout=700']],
      ['connectionName', 'n', 'other', ['redis://h?name=n', 'redis://h?connectionName=n', 'h,name=n']],
      ['family', 6, 4, ['redis://h?family=6']],
      ['keepAlive', 5000, 0, ['redis://h?keepAlive=5000', 'h,keepAlive=5']],
      ['keepAlive', null, 5000, ['h,tcpKeepAlive=false']],
      ['noDelay', false, true, ['redis://h?noDelay=false']],
      ['protocol', 3, 2, ['redis://h?protocol=3', 'h,protocol=resp3']],
      ['enableReadyCheck', false, true, ['redis://h?enableReadyCheck=false', 'h,$INFO=']],
      ['disableClientInfo', true, false, ['redis://h?disableClientInfo=true', 'h,setlib=false']],
      ['host', 'h', 'other', ['redis://h', 'h']],
      ['port', 7000, 7001, ['redis://h:7000', 'h:7000']],
      ['path', '/a', '/b', ['unix:///a', '/a']],
      ['name', 'm', 'other', ['redis+sentinel://s/m', 's,serviceName=m']],
      [
        'sentinelPassword',
        'p',
        'other',
        ['redis+sentinel://s/m?sentinelPassword=p', 's,serviceName=m,sentinelPassword=p'],
      ],
      [
        'sentinelUsername',
        'u',
        'other',
        ['redis+sentinel://s/m?sentinelUsername=u', 's,serviceName=m,sentinelUser=u'],
      ],
    ] as const
  ).map(([name, inString, inOptions, strings]) => ({
    what: `redis.${name}, option ${String(inOptions)}, string ${String(inString)}`,
    strings,
    options: { redis: { [name]: inOptions } },
    read: redis(name),
    inString,
    inOptions,
  })),
  {
    what: 'the TLS server name',
    strings: ['rediss://h?tlsServername=string', 'h,ssl=true,sslHost=string'],
    options: { redis: { tls: { servername: 'options' } } },
    read: ({ connection }) => connection.redis.tls?.servername,
    inString: 'string',
    inOptions: 'options',
  },
  {
    what: 'the minimum TLS version',
    strings: ['h,ssl=true,sslProtocols=tls12'],
    options: { redis: { tls: { minVersion: 'TLSv1.3' } } },
    read: ({ connection }) => connection.redis.tls?.minVersion,
    inString: 'TLSv1.2',
    inOptions: 'TLSv1.3',
  },
];

describe.each(CONFLICTS)('$what', ({ strings, options, read, inString, inOptions }) => {
  it.each(strings)('%s applies without the option', (connection) => {
    expect(read(resolveOptions({ connection }))).toEqual(inString);
  });

  it.each(strings)('the option overrides %s', (connection) => {
    expect(read(resolveOptions({ connection, ...options }))).toEqual(inOptions);
  });
});

describe('a setting of the connection string', () => {
  it.each<[what: string, options: RedisBackplaneOptions]>([
    ['options that are undefined', { channelPrefix: undefined, abortConnect: undefined, redis: undefined }],
    ['empty redis options', { redis: {} }],
    ['other redis options', { redis: { lazyConnect: true } }],
  ])('is not changed by %s', (_what, options) => {
    const connection = 'h:7000,user=u,password=p,abortConnect=true,channelPrefix=app,asyncTimeout=700';
    const resolved = resolveOptions({ connection, ...options });
    expect(resolved).toMatchObject({
      abortConnect: true,
      channelPrefix: 'app',
      publishTimeoutMs: 700,
      connection: { redis: { host: 'h', port: 7000, username: 'u', password: 'p' } },
    });
  });
});

describe('a setting that neither the string nor an option contains', () => {
  it('has its documented default', () => {
    expect(resolveOptions({})).toMatchObject({
      abortConnect: false,
      channelPrefix: 'backplane',
      sharded: false,
      protocols: ['json'],
      outage: { policy: 'reject' },
      startupTimeoutMs: 5_000,
      publishTimeoutMs: 5_000,
      unsubscribeDelayMs: 1_000,
      maxMessageBytes: 1_048_576,
      invokeTimeoutMs: 10_000,
      commandTimeoutMs: 5_000,
      connection: { mode: 'standalone', redis: { host: '127.0.0.1', port: 6379 } },
      edge: {
        refusal: 'status',
        maxConnections: 50_000,
        maxPayloadBytes: 1_048_576,
        admissionTimeMs: 10_000,
        maxPendingMessages: 1000,
        maxMessagesPerSecond: Infinity,
        maxBufferedBytes: 4_194_304,
        heartbeat: { intervalMs: 25_000, timeoutMs: 20_000 },
        parallelInvocations: Infinity,
        shutdownTimeoutMs: 5000,
      },
    });
  });

  it('has its default in the buffer, too: 1,000 messages, 32 MiB and 30 s', () => {
    const outageOf = (buffer: object): unknown => resolveOptions({ outage: { buffer } }).outage;
    const outage = { policy: 'buffer', maxMessages: 1000, maxBytes: 32 * 1024 * 1024, maxAgeMs: 30_000 };
    expect(outageOf({})).toEqual(outage);
    expect(outageOf({ messages: 5 })).toEqual({ ...outage, maxMessages: 5 });
    expect(outageOf({ bytes: 6 })).toEqual({ ...outage, maxBytes: 6 });
    expect(outageOf({ age: 7 })).toEqual({ ...outage, maxAgeMs: 7 });
  });
});

describe('an option', () => {
  it('has its own effect, whichever others are set', () => {
    const { edge, ...resolved } = resolveOptions({
      invokeTimeout: 1,
      commandTimeout: 2,
      shutdownTimeout: 3,
      parallelInvocations: 4,
      refusal: 'closeCode',
      heartbeat: { interval: 5 },
      limits: {
        connections: 6,
        payloadBytes: 7,
        admissionTime: 8,
        pendingMessages: 9,
        messagesPerSecond: 10,
        bufferedBytes: 11,
        messageBytes: 12,
      },
      startupTimeout: 13,
      publishTimeout: 14,
      unsubscribeDelay: 15,
      outage: 'local',
      protocols: ['msgpack', 'json'],
    });
    expect(resolved).toMatchObject({
      invokeTimeoutMs: 1,
      commandTimeoutMs: 2,
      startupTimeoutMs: 13,
      publishTimeoutMs: 14,
      unsubscribeDelayMs: 15,
      maxMessageBytes: 12,
      outage: { policy: 'local' },
      protocols: ['msgpack', 'json'],
    });
    expect(edge).toMatchObject({
      shutdownTimeoutMs: 3,
      parallelInvocations: 4,
      refusal: 'closeCode',
      heartbeat: { intervalMs: 5, timeoutMs: 20_000 },
      maxConnections: 6,
      maxPayloadBytes: 7,
      admissionTimeMs: 8,
      maxPendingMessages: 9,
      maxMessagesPerSecond: 10,
      maxBufferedBytes: 11,
    });
  });

  it('accepts times up to the longest delay of Node’s timers', () => {
    const MAX_TIMER_MS = 2 ** 31 - 1;
    expect(resolveOptions({ invokeTimeout: MAX_TIMER_MS }).invokeTimeoutMs).toBe(MAX_TIMER_MS);
    for (const invokeTimeout of [MAX_TIMER_MS + 1, 0, 1.5])
      expect(() => resolveOptions({ invokeTimeout })).toThrow(/invokeTimeout/);
  });
});
