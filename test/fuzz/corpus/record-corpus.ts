import { Random } from '../../support/seed.js';
import { encoded, type ProtocolName } from '../client-messages.js';
import type { FuzzCase, FuzzTarget } from '../fuzz-case.js';
import { arrayHeader } from '../msgpack-bytes.js';
import { bytes, envelope, listOf, record, string, u8, varint } from '../record-bytes.js';
import { KIND } from '../records.js';
import { FUZZ_PATH } from '../upgrades.js';
import { list, number, type Wire } from '../values.js';
import { repeated } from '../ws-frames.js';
import { connected } from './corpus-client.js';

const GHOST = 'corpus-ghost';
const ALL = listOf([Buffer.concat([u8(0), string('')])]);
const ADDRESS = Buffer.concat([string(FUZZ_PATH), ALL, listOf([])]);
const CODES = { json: 1, msgpack: 2 } as const;
const GRACE_MS = 300;

const random = new Random(1);

function payload(protocol: ProtocolName, content: Buffer): Buffer {
  return Buffer.concat([u8(CODES[protocol]), bytes(content)]);
}

/** Publishes a record while the first server has one client of each protocol. */
function withClients(name: string, channel: string, make: (target: FuzzTarget) => Buffer): FuzzCase {
  return {
    name,
    run: async (target) => {
      const sessions = await Promise.all([connected(target, 0, 'json'), connected(target, 0, 'msgpack')]);
      await target.publish(channel, envelope({ origin: GHOST, number: target.nextNumber() }, make(target)));
      await Promise.all(sessions.map((session) => session.end(GRACE_MS)));
    },
  };
}

function deep(depth: number): Wire {
  let value: Wire = number(1);
  for (let level = 0; level < depth; level++) value = list(value);
  return value;
}

const CLAIMS = repeated(2, arrayHeader(0x1ffffff));

function message(content: Buffer): Buffer {
  return record(KIND.message, u8(0), ADDRESS, listOf([content]));
}

export const RECORD_CORPUS: readonly FuzzCase[] = [
  withClients('a message whose only payload is two array32 headers', `${FUZZ_PATH}:all`, () =>
    message(payload('msgpack', CLAIMS)),
  ),
  withClients(
    'a message in JSON only, nested 20,000 deep, for a MessagePack client',
    `${FUZZ_PATH}:all`,
    () => message(payload('json', encoded(random, 'json', deep(20_000)))),
  ),
  ...[2 ** 31, 2 ** 49 - 1].map((timeoutMs) =>
    withClients(`a request with a timeout of ${timeoutMs} ms`, 'servers', () =>
      record(
        KIND.ask,
        string(`${GHOST}:1`),
        varint(timeoutMs),
        ADDRESS,
        listOf([payload('json', Buffer.from('{"event":"question","id":"x"}'))]),
      ),
    ),
  ),
  ...(['servers', 'own'] as const).map((where): FuzzCase => ({
    name: `an unexpected reply of two array32 headers on ${where === 'own' ? "a server's own" : "the servers'"} channel`,
    run: (target) => {
      const channel = where === 'own' ? `server:${target.serverIds[0] ?? ''}` : where;
      const answer = record(
        KIND.answer,
        string('nobody:1'),
        string('a.b'),
        u8(0),
        payload('msgpack', CLAIMS),
      );
      return target.publish(channel, envelope({ origin: GHOST, number: target.nextNumber() }, answer));
    },
  })),
  {
    name: 'heartbeats with huge numbers, and numbers that go down',
    run: async (target) => {
      for (const absurd of [0, 2 ** 49 - 1, 1, 2 ** 48]) {
        const beat = record(KIND.heartbeat, varint(absurd), varint(absurd));
        await target.publish('servers', envelope({ origin: GHOST, number: target.nextNumber() }, beat));
      }
    },
  },
];
