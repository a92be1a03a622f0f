import { describe, expect, it } from 'vitest';
import { MalformedBytesError } from '../../lib/protocol/byte-reader.js';
import { decodeRecords } from '../../lib/protocol/envelope.js';
import { RecordKind } from '../../lib/protocol/record-kind.js';
import { decodeCard, encodeCard, MAX_CARD_BYTES, type ServerCard } from '../../lib/protocol/server-card.js';
import { type Random, withSeed } from '../support/seed.js';

const CARD: ServerCard = {
  hostname: 'chat-7d9f8b6c5d-x2k4p',
  pid: 17,
  appVersion: '1.4.2',
  ageMs: 90_000,
  isReady: true,
  eventLoopDelayMs: 3,
  connections: 1203,
  paths: [
    ['/chat', 1200],
    ['/admin', 3],
  ],
};

function bodyOf(record: Buffer): Buffer {
  const [only, ...others] = decodeRecords(record);
  expect(only?.kind).toBe(RecordKind.Card);
  expect(others).toEqual([]);
  return only?.body ?? Buffer.alloc(0);
}

const sent = (card: ServerCard): ServerCard => decodeCard(bodyOf(encodeCard(card)));

const LETTERS = ['a', 'Z', '-', '0', 'é', '漢', '😀', '\ud800'];
const text = (random: Random, maxLength: number): string =>
  random.list(maxLength, () => random.pick(LETTERS)).join('');

function anyCard(random: Random): ServerCard {
  const paths = random.list(200, () => [`/${text(random, 40)}`, random.below(2 ** 32)] as const);
  return {
    hostname: text(random, 300),
    pid: random.below(2 ** 32),
    appVersion: random.pick([undefined, text(random, 60)]),
    ageMs: random.next() * 2 ** 48,
    isReady: random.pick([true, false]),
    eventLoopDelayMs: random.next() * random.pick([10, 1e6, 1e12]),
    connections: paths.reduce((sum, [, connections]) => sum + connections, 0),
    paths,
  };
}

describe('the card of a server', () => {
  it('is decoded as it was encoded', () => {
    expect(sent(CARD)).toEqual(CARD);
    expect(sent({ ...CARD, appVersion: undefined, isReady: false, paths: [] })).toEqual({
      ...CARD,
      appVersion: undefined,
      isReady: false,
      paths: [],
    });
  });

  it('has at most 100 bytes, whatever it says, and the total of all connections', () =>
    withSeed((random) => {
      for (let round = 0; round < 300; round++) {
        const card = anyCard(random);
        const record = encodeCard(card);
        expect(record.length).toBeLessThanOrEqual(MAX_CARD_BYTES);
        const { pid, isReady, connections, paths } = decodeCard(bodyOf(record));
        expect({ pid, isReady, connections }).toEqual({
          pid: card.pid,
          isReady: card.isReady,
          connections: card.connections,
        });
        expect(paths.length).toBeLessThanOrEqual(card.paths.length);
      }
    }));

  it('keeps the paths with the most connections', () => {
    const paths = Array.from({ length: 50 }, (_, index) => [`/path-${index}`, index] as const);
    const { paths: kept } = sent({ ...CARD, paths });
    expect(kept.length).toBeGreaterThan(2);
    expect(kept).toEqual(paths.toReversed().slice(0, kept.length));
  });

  it('leaves out a path that is too long, but not those after it', () => {
    const { paths } = sent({ ...CARD, paths: [[`/${'long'.repeat(30)}`, 5000], ...CARD.paths] });
    expect(paths).toEqual(CARD.paths);
  });

  it('shortens a host name in the middle, because the names of pods differ at their end', () => {
    const pod = (id: string): string => `payments-notification-gateway-blue-7d9f8b6c5d-${id}`;
    const names = ['x2k4p', 'q9z8r'].map((id) => sent({ ...CARD, hostname: pod(id) }).hostname);
    expect(names).toEqual([
      'payments-notificat…ue-7d9f8b6c5d-x2k4p',
      'payments-notificat…ue-7d9f8b6c5d-q9z8r',
    ]);
  });

  it('of a later release, with more fields, can be read', () => {
    const body = bodyOf(encodeCard(CARD));
    expect(decodeCard(Buffer.concat([body, Buffer.from([1, 2, 3])]))).toEqual(CARD);
  });

  it('that is cut off or garbage is malformed, and nothing else is thrown', () =>
    withSeed((random) => {
      const body = bodyOf(encodeCard(CARD));
      for (let end = 0; end < body.length; end++)
        expect(() => decodeCard(body.subarray(0, end))).toThrow(MalformedBytesError);
      for (let round = 0; round < 2000; round++) {
        try {
          decodeCard(random.bytes(random.below(120)));
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedBytesError);
        }
      }
    }));
});
