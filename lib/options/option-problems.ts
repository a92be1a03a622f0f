import type { z } from 'zod';
import { didYouMean } from './suggestion.js';

interface Option {
  /** The valid values, as they follow "expected" in a message. */
  readonly expected: string;
  /** A valid value, in the syntax of TypeScript. */
  readonly example: string;
  /** Whether a message may show a string that looks like a number with a unit. Any other string may be a secret. */
  readonly isNumber?: boolean;
}

const count = (example: number, of: string): Option => ({
  expected: `an integer ≥ 1 (${of})`,
  example: String(example),
  isNumber: true,
});
const milliseconds = (example: number): Option => ({
  expected: 'milliseconds, as an integer from 1 to 2147483647',
  example: String(example),
  isNumber: true,
});
const yesOrNo: Option = { expected: 'a boolean, true or false', example: 'true' };

/** Every option, by its path. */
const OPTIONS: Readonly<Record<string, Option>> = {
  connection: { expected: 'a connection string', example: "'redis://127.0.0.1:6379'" },
  redis: { expected: 'an object with options of ioredis', example: '{ connectTimeout: 2000 }' },
  connectionFactory: {
    expected: 'a function',
    example: '(role, requiredOptions) => new Redis({ ...requiredOptions, host })',
  },
  sharded: yesOrNo,
  channelPrefix: { expected: 'a string of letters, digits and _ . : { } -', example: "'MyApp'" },
  abortConnect: yesOrNo,
  startupTimeout: milliseconds(5000),
  protocols: { expected: "a list of 'json', 'msgpack' or both", example: "['json', 'msgpack']" },
  outage: {
    expected: "'reject', 'local' or { buffer: { messages, bytes, age } }",
    example: '{ buffer: { messages: 1000 } }',
  },
  'outage.buffer': {
    expected: 'an object with messages, bytes or age, or an empty one',
    example: '{ messages: 1000 }',
  },
  'outage.buffer.messages': count(1000, 'messages'),
  'outage.buffer.bytes': count(33_554_432, 'bytes'),
  'outage.buffer.age': milliseconds(30_000),
  appVersion: { expected: 'a string of 1 to 24 ASCII characters without spaces', example: "'1.4.2'" },
  authenticate: {
    expected: 'a function, or a class or object with a method authenticate',
    example: '(request) => ({ userId: userOf(request) })',
  },
  allowedOrigins: {
    expected: "a list of origins, or '*' for every origin",
    example: "['https://example.com']",
  },
  refusal: { expected: "'status' or 'closeCode'", example: "'closeCode'" },
  limits: { expected: 'an object', example: '{ connections: 50000 }' },
  'limits.messageBytes': {
    expected: 'bytes, as an integer from 1 to 8388608',
    example: '1048576',
    isNumber: true,
  },
  'limits.connections': count(50_000, 'connections'),
  'limits.payloadBytes': count(1_048_576, 'bytes'),
  'limits.payloadDepth': count(100, 'levels'),
  'limits.payloadElements': count(100_000, 'elements'),
  'limits.admissionTime': milliseconds(10_000),
  'limits.pendingMessages': count(1000, 'messages'),
  'limits.messagesPerSecond': count(100, 'messages'),
  'limits.bufferedBytes': count(4_194_304, 'bytes'),
  'limits.connectionsPerUser': count(5, 'connections'),
  singleSession: { expected: "'newest' or 'oldest'", example: "'newest'" },
  heartbeat: {
    expected: 'false, or { interval, timeout } in milliseconds',
    example: '{ interval: 25000, timeout: 20000 }',
  },
  'heartbeat.interval': milliseconds(25_000),
  'heartbeat.timeout': milliseconds(20_000),
  presence: { expected: 'an object', example: '{ data: ({ data }) => ({ name: data.name }) }' },
  'presence.grace': { expected: 'milliseconds, as an integer from 0', example: '5000', isNumber: true },
  'presence.shutdownGrace': {
    expected: 'milliseconds, as an integer from 0',
    example: '15000',
    isNumber: true,
  },
  'presence.limit': { expected: 'members, as an integer from 0', example: '1000', isNumber: true },
  'presence.occupancy': { expected: 'a function', example: "(group) => group.startsWith('feed:')" },
  'presence.data': { expected: 'a function', example: '({ data }) => ({ name: data.name })' },
  signalr: { expected: 'a boolean, or an object with options', example: 'true' },
  'signalr.paths': { expected: 'a list of paths with at least one path', example: "['/chat']" },
  'signalr.skipNegotiation': yesOrNo,
  'signalr.keepAliveInterval': milliseconds(15_000),
  'signalr.clientTimeout': milliseconds(30_000),
  'signalr.handshakeTimeout': milliseconds(15_000),
  'signalr.tokenLifetime': milliseconds(60_000),
  'signalr.tokenSecret': { expected: 'a string', example: "config.getOrThrow('SIGNALR_SECRET')" },
  'signalr.statefulReconnect': {
    expected: 'false, or milliseconds, as an integer from 1 to 2147483647',
    example: '15000',
    isNumber: true,
  },
  'signalr.bareErrors': yesOrNo,
  'signalr.detailedErrors': yesOrNo,
  'signalr.exceptionEvents': yesOrNo,
  'signalr.redirect': {
    expected: 'a function',
    example: "(request) => ({ url: 'https://eu.example.com/chat' })",
  },
  parallelInvocations: count(1, 'handlers at the same time'),
  publishTimeout: milliseconds(5000),
  unsubscribeDelay: milliseconds(1000),
  logger: { expected: 'an object with the methods log, warn and error', example: "new Logger('Backplane')" },
  invokeTimeout: milliseconds(10_000),
  commandTimeout: milliseconds(5000),
  shutdownTimeout: milliseconds(5000),
};

/** A number with an optional unit, such as `1mb`. Such a string is not a secret. */
const QUANTITY = /^-?\d{1,10}(\.\d{1,3})?\s?[a-z]{0,3}$/i;

/** One message per invalid option: the expected value, the given one if it is safe to show, and an example. */
export function describeProblems(issues: readonly z.core.$ZodIssue[], given: unknown): string[] {
  return issues.map((issue) => describe(innermost(issue), given));
}

/** For an option with several valid shapes, the issue of the one that was probably meant: an unknown key or a wrong value in it. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue;
  const deepest = issue.errors
    .flat()
    .filter(({ path, code }) => path.length > 0 || code === 'unrecognized_keys')
    .sort((a, b) => Number(b.code === 'unrecognized_keys') - Number(a.code === 'unrecognized_keys'))[0];
  return deepest ? innermost({ ...deepest, path: [...issue.path, ...deepest.path] }) : issue;
}

function describe(issue: z.core.$ZodIssue, given: unknown): string {
  const path = issue.path.join('.');
  const option = OPTIONS[issue.path.filter((key) => typeof key === 'string').join('.')];
  if (issue.code === 'unrecognized_keys') return unknownOptions(issue.keys, path);
  if (issue.code === 'custom') return custom(issue.message, path, option);
  if (!option)
    return `options: expected an object, got ${shown(given)}; for example { connection: 'redis://127.0.0.1:6379' }`;
  const value = issue.path.reduce<unknown>(
    (object, key) => (object as Record<PropertyKey, unknown>)[key],
    given,
  );
  // The message of a pattern already says what is expected.
  const expected = issue.code === 'invalid_format' ? issue.message : `expected ${option.expected}`;
  const hint = path === 'connection' && value === '' ? ' (is an environment variable empty?)' : '';
  const example = `${path.replace(/\.\d+$/, '')}: ${option.example}`;
  return `${path}: ${expected}, got ${shown(value, option.isNumber)}${hint}; for example ${example}`;
}

/** A custom message already says what is expected, and names the option if it is one of ioredis. */
function custom(message: string, path: string, option: Option | undefined): string {
  if (path === 'redis') return message;
  const example = message.includes('such as') || !option ? '' : `; for example ${path}: ${option.example}`;
  return `${path}: ${message}${example}`;
}

function unknownOptions(keys: readonly string[], parent: string): string {
  const prefix = parent === '' ? '' : `${parent}.`;
  const known = Object.keys(OPTIONS)
    .filter((path) => path.startsWith(prefix) && !path.slice(prefix.length).includes('.'))
    .map((path) => path.slice(prefix.length));
  const quoted = keys.map((key) => `'${key}'`).join(', ');
  const [key, ...others] = keys;
  const hint = key === undefined || others.length > 0 ? '' : didYouMean(key, known);
  const where = parent === '' ? '' : `${parent}: `;
  return `${where}there is no option ${quoted}${hint || `; there are ${known.join(', ')}`}`;
}

/** Describes a value without showing a string that may be a secret. */
function shown(value: unknown, isNumber = false): string {
  if (value === undefined) return 'nothing';
  if (value === '') return 'an empty string';
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return isNumber && QUANTITY.test(value) ? `"${value}"` : 'a string';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  return `a${typeof value === 'object' ? 'n object' : ` ${typeof value}`}`;
}
