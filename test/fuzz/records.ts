import type { Random } from '../support/seed.js';
import { eventMessage, encoded, replyMessage, wrongMessage, type ProtocolName } from './client-messages.js';
import { arrayHeader } from './msgpack-bytes.js';
import { mutated } from './mutators.js';
import {
  bytes,
  envelope,
  type EnvelopeOptions,
  listOf,
  record,
  string,
  u8,
  varint,
  withChecksum,
} from './record-bytes.js';
import { FUZZ_PATH } from './upgrades.js';
import { anyName, nested, text } from './values.js';

/** What an attacker who forges records can know about the servers. */
export interface RecordContext {
  readonly serverIds: readonly string[];
  /** Connections of the fuzzed path, open or not. */
  readonly connectionIds: readonly string[];
  /** Returns a number that no envelope of the fuzz test has used. */
  nextNumber(): number;
}

/** The kinds of lib/protocol/record-kind.ts, and below some that it does not have. */
export const KIND = {
  heartbeat: 1,
  rollCall: 2,
  goodbye: 3,
  copy: 4,
  message: 16,
  command: 17,
  commandReply: 18,
  ask: 19,
  askReply: 20,
  answer: 21,
} as const;
const UNKNOWN_KINDS = [0, 5, 15, 22, 127, 128, 255] as const;

const ABSURD = [0, 1, 2, 1000, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 48, 2 ** 49 - 1] as const;
const NAMES = [
  'g0',
  'g1',
  'u1',
  '*',
  '',
  '__proto__',
  'constructor',
  'ä',
  '\u0000',
  'x'.repeat(5000),
] as const;
/** Fake server ids. There are few because a server remembers every peer it hears for ten minutes. */
const GHOSTS = Array.from({ length: 40 }, (_, index) => `ghost${index}`.padEnd(12, '-'));

type RecordMaker = (random: Random, context: RecordContext) => Buffer;

function connectionId(random: Random, { connectionIds, serverIds }: RecordContext): string {
  if (connectionIds.length > 0 && random.below(3) > 0) return random.pick(connectionIds);
  return `${random.pick([...serverIds, ...GHOSTS])}.${'A'.repeat(random.pick([12, 12, 0, 400]))}`;
}

function target(random: Random, context: RecordContext): Buffer {
  const kind = random.below(12) === 0 ? random.below(256) : random.below(4);
  return Buffer.concat([u8(kind), string(kind === 3 ? connectionId(random, context) : random.pick(NAMES))]);
}

/** Never addresses the witnesses' path, because witnesses would receive the forged message and complain. */
function address(random: Random, context: RecordContext): Buffer {
  const path = random.below(10) === 0 ? random.pick(['', '/', '/nope', '__proto__', '8081/fuzz']) : FUZZ_PATH;
  const targets = random.list(4, () => target(random, context));
  const many = random.below(40) === 0 ? Array.from({ length: 5000 }, () => target(random, context)) : targets;
  return Buffer.concat([string(path), listOf(many), listOf(random.list(2, () => target(random, context)))]);
}

/** A payload for a client, or a client's reply. */
function payloadBytes(random: Random, message: 'event' | 'value'): Buffer {
  const protocol = random.pick<ProtocolName>(['json', 'msgpack']);
  switch (random.below(8)) {
    case 0:
      return random.bytes(random.below(60));
    case 1:
      return Buffer.concat([arrayHeader(0x1ffffff), arrayHeader(0x1ffffff)]);
    case 2:
      return encoded(random, protocol, nested(random, random.pick([99, 101, 2000, 20_000])));
    case 3:
      return encoded(random, protocol, wrongMessage(random));
    default:
      return encoded(
        random,
        protocol,
        message === 'event' ? eventMessage(random) : replyMessage(random, text('x')),
      );
  }
}

function payload(random: Random, message: 'event' | 'value'): Buffer {
  return Buffer.concat([u8(random.pick([1, 1, 2, 2, 0, 3, 255])), bytes(payloadBytes(random, message))]);
}

function payloads(random: Random): Buffer {
  return listOf(random.list(3, () => payload(random, 'event')));
}

function requestId(random: Random, { serverIds }: RecordContext): string {
  return random.below(3) === 0
    ? anyName(random)
    : `${random.pick([...serverIds, ...GHOSTS])}:${random.below(200)}`;
}

const RECORDS: readonly RecordMaker[] = [
  (random) => record(KIND.heartbeat, varint(random.pick(ABSURD)), varint(random.pick(ABSURD))),
  () => record(KIND.rollCall),
  () => record(KIND.goodbye),
  (random, context) => record(KIND.copy, varint(random.pick(ABSURD)), anyRecord(random, context)),
  (random, context) =>
    record(KIND.message, u8(random.below(256)), address(random, context), payloads(random)),
  (random, context) => record(KIND.message, u8(0), address(random, context), payloads(random)),
  (random, context) => {
    const action = Buffer.concat([
      u8(random.below(5)),
      string(random.pick(NAMES)),
      varint(random.pick([0, 1000, 1005, 4000, 70_000])),
    ]);
    return record(KIND.command, varint(random.pick(ABSURD)), address(random, context), action);
  },
  (random, context) => {
    const missing = random.list(3, () => string(connectionId(random, context)));
    return record(KIND.commandReply, varint(random.below(100)), string(random.pick(NAMES)), listOf(missing));
  },
  (random, context) => {
    const timeout = varint(random.pick([1, 100, ...ABSURD]));
    return record(
      KIND.ask,
      string(requestId(random, context)),
      timeout,
      address(random, context),
      payloads(random),
    );
  },
  (random, context) => {
    const asked = random.list(3, () => string(connectionId(random, context)));
    return record(KIND.askReply, string(requestId(random, context)), listOf(asked));
  },
  (random, context) =>
    record(
      KIND.answer,
      string(requestId(random, context)),
      string(connectionId(random, context)),
      u8(random.below(4)),
      payload(random, 'value'),
    ),
  // Counts without elements, integers that never end, random bodies, unknown kinds.
  (random) =>
    record(random.pick(Object.values(KIND)), varint(random.pick(ABSURD)), random.bytes(random.below(8))),
  (random) => record(random.pick(Object.values(KIND)), Buffer.alloc(9, 0xff)),
  (random) => record(random.pick(Object.values(KIND)), random.bytes(random.below(100))),
  (random) => record(random.pick(UNKNOWN_KINDS), random.bytes(random.below(30))),
];

export function anyRecord(random: Random, context: RecordContext): Buffer {
  return random.pick(RECORDS)(random, context);
}

/** A forged envelope, usually with a valid checksum. */
export function anyEnvelope(random: Random, context: RecordContext): Buffer {
  const valid = (options: Partial<EnvelopeOptions> = {}): Buffer =>
    envelope(
      { origin: random.pick(GHOSTS), number: context.nextNumber(), ...options },
      ...random.list(4, () => anyRecord(random, context)),
    );
  switch (random.below(10)) {
    case 0:
      return random.bytes(random.below(300));
    case 1:
      return mutated(random, valid());
    case 2:
      return valid({ version: random.pick([0, 2, 3, 255]), headerLength: random.below(256) });
    case 3:
      return valid({ headerLength: random.pick([0, 24, 26, 30, 255]) });
    case 4:
      // A real server's id with a number that is far too high or already used. Servers must drop both.
      return valid({
        origin: random.pick(context.serverIds),
        number: random.pick([0, 1, 2 ** 47, 2 ** 48 - 1]),
      });
    case 5:
      return withoutRealOrigin(random, withChecksum(mutated(random, valid())), context);
    default:
      return valid();
  }
}

/**
 * A mutation may have set a real server's id as the origin, and then receivers would drop that server's real messages.
 */
function withoutRealOrigin(random: Random, changed: Buffer, { serverIds }: RecordContext): Buffer {
  const origin = changed.toString('latin1', 7, 19);
  if (!serverIds.includes(origin)) return changed;
  const copy = Buffer.from(changed);
  copy.write(random.pick(GHOSTS), 7, 12, 'latin1');
  return withChecksum(copy);
}

/** A random channel of any kind that a server may subscribe to, without the prefix. */
export function anyChannel(random: Random, { serverIds }: RecordContext): string {
  return random.pick([
    'servers',
    'servers',
    ...serverIds.map((id) => `server:${id}`),
    `${FUZZ_PATH}:all`,
    `${FUZZ_PATH}:all`,
    `${FUZZ_PATH}:group:g0`,
    `${FUZZ_PATH}:user:u1`,
    '/witness:all',
    '/witness:group:witnesses',
  ]);
}
