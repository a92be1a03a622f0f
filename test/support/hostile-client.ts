import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import {
  anyId,
  messageFrame,
  mutatedMessage,
  opcodeOf,
  type ProtocolName,
  replyMessage,
  requestMessage,
} from '../fuzz/client-messages.js';
import { RawSession } from '../fuzz/raw-session.js';
import { protocolUpgrade } from '../fuzz/upgrades.js';
import { map, number, text } from '../fuzz/values.js';
import { CONTROL_FRAMES, frame, WRONG_FRAMES } from '../fuzz/ws-frames.js';
import { clientFrame, eventFrame, handshake, OPCODE } from './raw-client.js';
import type { Random } from './seed.js';

const MAX_LIFE_MS = 40;

type Write = (bytes: string | Buffer) => void;
type Attack = (random: Random, write: Write, socket: Socket) => void;

/** The first bytes of a frame, without a mask or payload. */
function frameHead(first: number, length: number | bigint, masked: boolean): Buffer {
  const mask = masked ? 0x80 : 0;
  if (typeof length === 'number' && length < 126) return Buffer.from([first, mask | length]);
  const head = Buffer.alloc(10);
  head.set([first, mask | 127]);
  head.writeBigUInt64BE(BigInt(length), 2);
  return head;
}

function times(count: number, bytes: Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => bytes));
}

const BAD_HANDSHAKES: Attack[] = [
  (random, write) => write(random.bytes(random.below(500))),
  (_random, write) => write(handshake('/chat', { 'Sec-WebSocket-Key': 'short' })),
  (_random, write) => write(handshake('/chat', { 'Sec-WebSocket-Version': 'x' })),
  (_random, write) => write(handshake('/chat', { 'Sec-WebSocket-Protocol': ',,' })),
  (_random, write) => write(handshake('/chat', { 'Sec-WebSocket-Extensions': '"' })),
  (_random, write) => write(handshake('/chat', { Cookie: 'x'.repeat(20_000) })),
  (_random, write) => write(handshake('/chat').replace('GET', 'POST')),
  (_random, write) => write(handshake('/chat', { Upgrade: 'h2c' })),
  (random, write) =>
    write(handshake(random.pick(['/', '/nope', '//chat', '/%', '/chat\u00ff', '*', 'http://[']))),
  (_random, write) => write(handshake('/chat?no')),
  (random, write) => write(handshake('/chat').slice(0, random.below(150))),
];

/** Sent after a valid handshake. */
const BAD_FRAMES: Attack[] = [
  // Invalid UTF-8: cut off, overlong, a lone surrogate.
  (random, write) => write(clientFrame(Buffer.from(random.pick([[0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80]])))),
  // An incomplete frame.
  (random, write) => write(eventFrame('echo', 'x'.repeat(100)).subarray(0, 1 + random.below(100))),
  // Floods.
  (_random, write) => write(times(500, eventFrame('echo', 1))),
  (_random, write) => write(times(500, clientFrame('', OPCODE.ping))),
  (_random, write) => write(times(500, clientFrame('{'))),
  (_random, write) => write(times(500, clientFrame('{"id":"x","data":1}'))),
  // Requests much data and does not read it.
  (_random, write, socket) => {
    socket.pause();
    for (let index = 0; index < 20; index++) write(times(5, eventFrame('large')));
  },
  // Unmasked frames, reserved bits and opcodes, huge lengths.
  (_random, write) => write(Buffer.concat([frameHead(0x81, 2, false), Buffer.from('{}')])),
  (random, write) => write(Buffer.concat([frameHead(random.below(256), 4, true), random.bytes(8)])),
  (random, write) => write(frameHead(0x82, random.pick([2 ** 20, 2 ** 40, 2n ** 62n, 2n ** 64n - 1n]), true)),
  // Continuation frames without a first frame, and fragments without an end.
  (random, write) => write(Buffer.concat([frameHead(0x80, 4, true), random.bytes(8)])),
  (_random, write) => write(times(300, Buffer.concat([frameHead(0x00, 100, true), Buffer.alloc(104)]))),
  (_random, write) =>
    write(
      Buffer.concat([
        frameHead(0x01, 1, true),
        Buffer.alloc(5),
        times(300, Buffer.from([0x00, 0x80, 0, 0, 0, 0])),
      ]),
    ),
  // Invalid control frames.
  (random, write) => write(clientFrame(random.bytes(random.below(4)), OPCODE.close)),
  (random, write) =>
    write(clientFrame(random.bytes(126), random.pick([OPCODE.ping, OPCODE.pong, OPCODE.close]))),
  // Invalid messages.
  (random, write) =>
    write(clientFrame(random.pick(['null', '[]', '', '{"event":{"toString":1}}', '[['.repeat(9000)]))),
  (random, write) => write(clientFrame(random.bytes(random.below(300)), random.pick([1, 2]))),
  (random, write) => write(random.bytes(random.below(2000))),
];

type Conversation = (random: Random, session: RawSession) => void | Promise<void>;

/** Sent after a valid handshake, in either protocol. */
const CONVERSATIONS: readonly Conversation[] = [
  // Expected replies to an invoke, once or twice.
  async (random, session) => {
    session.write(
      messageFrame(random, session.protocol, map(['event', text('ask-me')], ['data', number(1)])),
    );
    await session.until(() => session.invokes.length > 0);
    for (const id of session.invokes.splice(0))
      for (let left = 1 + random.below(2); left > 0; left--)
        session.write(messageFrame(random, session.protocol, replyMessage(random, text(id))));
  },
  // Unexpected replies.
  (random, session) =>
    session.write(messageFrame(random, session.protocol, replyMessage(random, anyId(random, [])))),
  // Requests with a valid or invalid id.
  (random, session) => session.write(messageFrame(random, session.protocol, requestMessage(random, []))),
  (random, session) => session.write(random.pick(CONTROL_FRAMES)(random)),
  (random, session) =>
    session.write(random.pick(WRONG_FRAMES)(random, mutatedMessage(random, session.protocol))),
  (random, session) =>
    session.write(frame(mutatedMessage(random, session.protocol), { opcode: opcodeOf(session.protocol) })),
];

/** Runs one hostile client from connect to close. The same random numbers give the same client. */
export function attack(random: Random, port: number): Promise<void> {
  return random.below(2) === 0 ? attackFrames(random, port) : attackProtocol(random, port);
}

async function attackProtocol(random: Random, port: number): Promise<void> {
  const session = RawSession.open(port, random.pick<ProtocolName>(['json', 'msgpack']));
  session.write(protocolUpgrade(session.protocol, '/chat'));
  for (let left = random.below(4); left >= 0; left--) await random.pick(CONVERSATIONS)(random, session);
  if (random.below(2) === 0) session.reset();
  await session.end(random.below(MAX_LIFE_MS));
}

async function attackFrames(random: Random, port: number): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => undefined).resume();
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const write: Write = (bytes) => {
    if (socket.writable) socket.write(bytes);
  };
  if (random.below(3) === 0) {
    random.pick(BAD_HANDSHAKES)(random, write, socket);
  } else {
    write(handshake('/chat'));
    for (let index = random.below(3); index >= 0; index--) random.pick(BAD_FRAMES)(random, write, socket);
  }
  await Promise.race([closed, delay(random.below(MAX_LIFE_MS))]);
  if (random.below(2) === 0) socket.resetAndDestroy();
  else socket.destroy();
  await closed;
}
