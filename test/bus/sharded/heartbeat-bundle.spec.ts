import { beforeEach, describe, expect, it } from 'vitest';
import {
  decodeBundle,
  encodeBundle,
  HeartbeatBundle,
  isHeartbeat,
} from '../../../lib/bus/sharded/heartbeat-bundle.js';
import { encodeEnvelope, encodeRecord } from '../../../lib/protocol/envelope.js';
import { encodeHeartbeat } from '../../../lib/protocol/heartbeat-record.js';
import { RecordKind } from '../../../lib/protocol/record-kind.js';
import { encodeCard } from '../../../lib/protocol/server-card.js';
import { Random, withSeed } from '../../support/seed.js';
import { turn } from '../../support/test-farm.js';

const SERVER = 'AbCdEfGhIj-_';
const BEAT = encodeHeartbeat({ number: 1, sentAt: 1000 });
const ROLL_CALL = encodeRecord(RecordKind.RollCall, Buffer.alloc(0));
const CARD = encodeCard({
  hostname: 'x'.repeat(100),
  pid: 2 ** 22,
  appVersion: '1.4.2',
  ageMs: 2 ** 36,
  isReady: true,
  eventLoopDelayMs: 3,
  connections: 50_000,
  paths: ['/a', '/b', '/c', '/d', '/e'].map((path) => [path, 10_000] as const),
});
const COMMAND = encodeRecord(RecordKind.Command, Buffer.from('anything'));

const envelope = (...records: Buffer[]): Buffer => encodeEnvelope(SERVER, 7, records);

describe('a bundle', () => {
  it('decodes to the heartbeats that were encoded, in order', () => {
    const beats = ['18e', '5nw', 'f0s'].map((tag) => ({ tag, envelope: envelope(BEAT) }));
    expect(decodeBundle(encodeBundle(beats))).toEqual(beats);
  });

  it('is distinguished from an envelope and from empty bytes', () => {
    expect(decodeBundle(envelope(BEAT))).toBeUndefined();
    expect(decodeBundle(Buffer.alloc(0))).toBeUndefined();
  });

  it('that is malformed decodes to undefined and never throws', () =>
    withSeed((random: Random) => {
      const whole = encodeBundle(['18e', '5nw'].map((tag) => ({ tag, envelope: envelope(BEAT) })));
      for (let end = 2; end < whole.length; end++) {
        const cut = decodeBundle(whole.subarray(0, end));
        expect(cut === undefined || cut.length < 2).toBe(true);
      }
      for (let round = 0; round < 500; round++)
        decodeBundle(Buffer.concat([whole.subarray(0, 1), random.bytes(random.below(60))]));
    }));
});

describe('only a heartbeat is bundled', () => {
  it.each([
    ['a heartbeat', envelope(BEAT), true],
    ['a heartbeat with a roll call', envelope(BEAT, ROLL_CALL), true],
    ['a heartbeat with a roll call and a card', envelope(BEAT, ROLL_CALL, CARD), true],
    ['a command', envelope(COMMAND), false],
    ['a heartbeat followed by a command', envelope(BEAT, COMMAND), false],
    ['an envelope without records', envelope(), false],
    ['a goodbye', envelope(encodeRecord(RecordKind.Goodbye, Buffer.alloc(0))), false],
    ['bytes that are not an envelope', Buffer.from('garbage'), false],
  ])('%s: %#', (_name, bytes, waits) => {
    expect(isHeartbeat(bytes)).toBe(waits);
  });
});

describe('the heartbeats of one turn', () => {
  let published: { channel: string; bytes: Buffer }[];
  let bundle: HeartbeatBundle;
  let refused: boolean;

  beforeEach(() => {
    published = [];
    refused = false;
    bundle = new HeartbeatBundle((channel, bytes) => {
      published.push({ channel, bytes });
      return refused ? Promise.reject(new Error('MOVED')) : Promise.resolve();
    });
  });

  const add = (tag: string, order: number): Promise<void> =>
    bundle.add({ tag, order, channel: `p:{${tag}}:servers`, envelope: envelope(BEAT) });

  it('are one message, on the channel of the partition that has been on the node the longest', async () => {
    await Promise.all([add('a', 3), add('b', 1), add('c', 2)]);
    expect(published.map(({ channel }) => channel)).toEqual(['p:{b}:servers']);
    expect(decodeBundle(published[0]?.bytes ?? Buffer.alloc(0))?.map(({ tag }) => tag)).toEqual([
      'a',
      'b',
      'c',
    ]);
  });

  it('are not bundled if there is only one', async () => {
    await add('a', 1);
    expect(published).toEqual([{ channel: 'p:{a}:servers', bytes: envelope(BEAT) }]);
  });

  it('are published once, before other messages of the same turn', async () => {
    void add('a', 1);
    bundle.flush();
    expect(published).toHaveLength(1);
    await turn();
    expect(published).toHaveLength(1);
  });

  it('share the outcome', async () => {
    refused = true;
    const outcomes = await Promise.allSettled([add('a', 1), add('b', 2)]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
