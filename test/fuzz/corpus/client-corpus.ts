import { Random } from '../../support/seed.js';
import { encoded, messageFrame, opcodeOf, type ProtocolName } from '../client-messages.js';
import { type FuzzCase, type FuzzTarget, Violation } from '../fuzz-case.js';
import { arrayHeader, mapHeader } from '../msgpack-bytes.js';
import type { RawSession } from '../raw-session.js';
import { list, map, number, text, type Wire } from '../values.js';
import { frame, OPCODE, repeated } from '../ws-frames.js';
import { connected, hears } from './corpus-client.js';

/** The largest array that V8 allocates in one step: 268 MB for a five-byte header. */
const CLAIM = 0x1ffffff;
const MAX_MESSAGE_BYTES = 2 ** 20;
const PING_BYTES = 24 * 2 ** 20;
/** How much memory a server may hold for a client that does not read. */
const KEPT_BYTES = 8 * 2 ** 20;
const PATIENCE_MS = 5000;

const random = new Random(1);
const BOTH = ['json', 'msgpack'] as const;

function lists(depth: number): Wire {
  let value: Wire = number(1);
  for (let level = 0; level < depth; level++) value = list(value);
  return value;
}

/** `{ "id": "…", "data": <bytes> }` with the bytes inserted unchanged. */
function replyAround(protocol: ProtocolName, id: string, value: Buffer): Buffer {
  const idBytes = encoded(random, protocol, text(id));
  if (protocol === 'json')
    return Buffer.concat([Buffer.from(`{"id":${idBytes.toString()},"data":`), value, Buffer.from('}')]);
  const key = (name: string): Buffer => encoded(random, protocol, text(name));
  return Buffer.concat([Buffer.from([0x82]), key('id'), idBytes, key('data'), value]);
}

/** Makes a server invoke a client, which replies with these bytes as data. */
async function replyTo(
  target: FuzzTarget,
  invoker: number,
  protocol: ProtocolName,
  value: Buffer,
): Promise<void> {
  const session = await connected(target, 0, protocol);
  session.write(messageFrame(random, protocol, map(['event', text('who')])));
  await session.until(() => session.connectionId !== undefined, PATIENCE_MS);
  target.invoke(invoker, session.connectionId ?? '');
  await session.until(() => session.invokes.length > 0, PATIENCE_MS);
  const [id] = session.invokes;
  if (id === undefined) throw new Violation('the client never received the invoke.');
  session.write(frame(replyAround(protocol, id, value), { opcode: opcodeOf(protocol) }));
  await stillServed(session);
}

/** Waits until the server echoes a message or disconnects the client. Either is correct. */
async function stillServed(session: RawSession): Promise<void> {
  session.write(
    messageFrame(random, session.protocol, map(['event', text('echo')], ['data', text('still-there')])),
  );
  await session.until(() => session.received.includes('still-there') || session.isDismissed, PATIENCE_MS);
  await session.end(0);
}

/** Sends these bytes as one message. */
async function message(target: FuzzTarget, protocol: ProtocolName, bytes: Buffer): Promise<void> {
  const session = await connected(target, 0, protocol);
  session.write(frame(bytes, { opcode: opcodeOf(protocol) }));
  await stillServed(session);
}

/**
 * How many more bytes the server uses than `before`. V8 frees buffers on its own thread, which lags on a busy machine, so
 * this polls until the number is small or the deadline passes.
 */
async function keptSince(target: FuzzTarget, before: number): Promise<number> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const kept = (await target.memory(0)) - before;
    if (kept <= KEPT_BYTES || performance.now() > deadline) return kept;
  }
}

function repliesNested(protocol: ProtocolName, depth: number): FuzzCase[] {
  const value = encoded(random, protocol, lists(depth));
  return ['its own server', 'another server'].map((who, invoker) => ({
    name: `a ${protocol} reply nested ${depth.toLocaleString('en')} deep, to an invoke of ${who}`,
    run: (target) => replyTo(target, invoker, protocol, value),
  }));
}

/** Nested headers, each of which claims one element for every byte left in the message. */
function claimsOfAllThatIsLeft(count: number): Buffer {
  const parts: Buffer[] = [];
  for (let left = MAX_MESSAGE_BYTES - 100, index = 0; index < count; index++) {
    left -= 5;
    const head = Buffer.alloc(5);
    head[0] = 0xdd;
    head.writeUInt32BE(left, 1);
    parts.push(head);
  }
  return Buffer.concat([...parts, Buffer.alloc(MAX_MESSAGE_BYTES - 100 - count * 5)]);
}

const CLAIMS: readonly (readonly [name: string, bytes: () => Buffer])[] = [
  ['two array32 headers', () => repeated(2, arrayHeader(CLAIM))],
  ['1,000 nested array16 headers', () => repeated(1000, arrayHeader(0xffff))],
  [
    '1,000 nested map16 headers',
    () => repeated(1000, Buffer.concat([mapHeader(0xffff), Buffer.from([0xa1, 0x61])])),
  ],
  ['100 nested headers that each claim the rest of 1 MiB', () => claimsOfAllThatIsLeft(100)],
];

export const CLIENT_CORPUS: readonly FuzzCase[] = [
  ...repliesNested('json', 20_000),
  ...repliesNested('msgpack', 101),
  ...repliesNested('msgpack', 20_000),
  ...CLAIMS.flatMap(([name, bytes]): FuzzCase[] => [
    { name: `a MessagePack message of ${name}`, run: (target) => message(target, 'msgpack', bytes()) },
    { name: `a MessagePack reply of ${name}`, run: (target) => replyTo(target, 1, 'msgpack', bytes()) },
  ]),
  ...BOTH.map((protocol): FuzzCase => ({
    name: `a ${protocol} message nested 200,000 deep`,
    run: (target) => message(target, protocol, encoded(random, protocol, lists(200_000))),
  })),
  {
    name: '24 MiB of pings from a client that never reads',
    run: async (target) => {
      const before = await target.memory(0);
      const session = await connected(target, 0, 'json');
      session.stopReading();
      const pings = repeated(8000, frame('x'.repeat(125), { opcode: OPCODE.ping }));
      for (let sent = 0; sent < PING_BYTES && !session.isClosed; sent += pings.length)
        await session.drained(pings);
      const kept = await keptSince(target, before);
      await session.end(0);
      if (kept > KEPT_BYTES)
        throw new Violation(`the server holds ${(kept / 2 ** 20).toFixed()} MiB for the client.`);
    },
  },
  ...BOTH.map((protocol): FuzzCase => ({
    name: `${protocol} messages after the server's close frame`,
    run: async (target) => {
      const session = await connected(target, 0, protocol);
      const witness = await connected(target, 0, 'json');
      session.write(messageFrame(random, protocol, map(['event', text('close-me')], ['data', number(4000)])));
      await session.until(() => session.isDismissed, PATIENCE_MS);
      session.write(
        messageFrame(random, protocol, map(['event', text('tell-all')], ['data', text('too-late')])),
      );
      const heard = await witness.until(() => hears(witness, 'too-late'));
      await Promise.all([session.end(0), witness.end(0)]);
      if (heard) throw new Violation('a message was handled after the close frame.');
    },
  })),
  {
    name: '150 handler results that JSON cannot represent',
    run: async (target) => {
      const session = await connected(target, 0, 'json');
      const result = map(['event', text('unserialisable')], ['data', number(0)]);
      session.write(repeated(150, messageFrame(random, 'json', result)));
      await stillServed(session);
    },
  },
  {
    name: 'data nested 150 deep for clients of both protocols',
    run: async (target) => {
      const teller = await connected(target, 0, 'json');
      const others = await Promise.all([
        connected(target, 0, 'msgpack'),
        connected(target, 0, 'json'),
        connected(target, 1, 'json'),
      ]);
      // The server builds the nested data because a client's message may not be that deep.
      teller.write(messageFrame(random, 'json', map(['event', text('tell-nested')], ['data', number(150)])));
      const heard = await Promise.all(
        others.slice(1).map((other) => other.until(() => hears(other, 'deep-down'), PATIENCE_MS)),
      );
      await Promise.all([teller, ...others].map((session) => session.end(0)));
      if (heard.includes(false))
        throw new Violation('a JSON client did not get data that JSON can represent.');
    },
  },
];
