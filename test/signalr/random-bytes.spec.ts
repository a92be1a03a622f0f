import { describe, expect, it } from 'vitest';
import { HubProtocolError } from '../../lib/signalr/hub-message.js';
import type { HubProtocol } from '../../lib/signalr/hub-protocol.js';
import { jsonHubProtocol } from '../../lib/signalr/json-hub-protocol.js';
import { MessageSplitter } from '../../lib/signalr/message-splitter.js';
import { msgpackHubProtocol } from '../../lib/signalr/msgpack-hub-protocol.js';
import { JSON_VECTORS, MSGPACK_VECTORS } from '../support/hub-vectors.js';
import type { Random } from '../support/seed.js';
import { withSeed } from '../support/seed.js';

const ROUNDS = 20_000;
const LIMITS = { maxDepth: 100, maxElements: 1000 };
const MAX_BYTES = 10_000;

/** Messages with some bytes flipped, cut out or doubled. */
function damaged(random: Random, vectors: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(random.list(4, () => random.pick(vectors)));
  for (let count = random.below(4); count > 0 && bytes.length > 0; count--)
    bytes[random.below(bytes.length)] = random.below(256);
  const [start, end] = [random.below(bytes.length + 1), random.below(bytes.length + 1)];
  return random.next() < 0.5 ? bytes : Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
}

/** @returns how many messages were read before the bytes violated the protocol, and whether they did */
function read(hub: HubProtocol, random: Random, bytes: Buffer): [count: number, isViolation: boolean] {
  const splitter = new MessageSplitter(hub.find, MAX_BYTES);
  let count = 0;
  try {
    for (let at = 0; at < bytes.length;) {
      const next = at + 1 + random.below(bytes.length - at);
      for (const message of splitter.push(bytes.subarray(at, next))) {
        hub.decode(message, LIMITS);
        count++;
      }
      at = next;
    }
  } catch (error) {
    if (!(error instanceof HubProtocolError)) throw error;
    return [count, true];
  }
  return [count, false];
}

describe.each([
  [jsonHubProtocol, JSON_VECTORS],
  [msgpackHubProtocol, MSGPACK_VECTORS],
] as const)('$name', (hub, vectors) => {
  it(`throws nothing but HubProtocolError: ${ROUNDS} damaged and random inputs in random pieces`, () =>
    withSeed((random) => {
      const messages = vectors.map(([bytes]) => bytes);
      let [messagesRead, violations] = [0, 0];
      for (let round = 0; round < ROUNDS; round++) {
        const bytes = random.next() < 0.8 ? damaged(random, messages) : random.bytes(random.below(100));
        const [count, isViolation] = read(hub, random, bytes);
        messagesRead += count;
        if (isViolation) violations++;
      }
      // The inputs are neither all valid nor all invalid.
      expect(messagesRead).toBeGreaterThan(ROUNDS / 10);
      expect(violations).toBeGreaterThan(ROUNDS / 10);
    }));
});
