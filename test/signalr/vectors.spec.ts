import { describe, expect, it } from 'vitest';
import type { ClientFrame } from '../../lib/protocol/client-frame.js';
import { lengthPrefix } from '../../lib/signalr/framing.js';
import { type HubMessage, HubProtocolError } from '../../lib/signalr/hub-message.js';
import type { HubProtocol } from '../../lib/signalr/hub-protocol.js';
import { jsonHubProtocol } from '../../lib/signalr/json-hub-protocol.js';
import { MessageSplitter } from '../../lib/signalr/message-splitter.js';
import { msgpackHubProtocol } from '../../lib/signalr/msgpack-hub-protocol.js';
import { hex, json, JSON_VECTORS, MSGPACK_VECTORS, type Vector } from '../support/hub-vectors.js';

const LIMITS = { maxDepth: 100, maxElements: 100_000 };
const MAX_BYTES = 100_000;

const PROTOCOLS: readonly (readonly [hub: HubProtocol, vectors: readonly Vector[]])[] = [
  [jsonHubProtocol, JSON_VECTORS],
  [msgpackHubProtocol, MSGPACK_VECTORS],
];

function decoded(hub: HubProtocol, splitter: MessageSplitter, bytes: Buffer): HubMessage[] {
  return [...splitter.push(bytes)].map((message) => hub.decode(message, LIMITS));
}

describe.each(PROTOCOLS)('$name', (hub, vectors) => {
  const splitter = (): MessageSplitter => new MessageSplitter(hub.find, MAX_BYTES);

  it('reads each message by itself', () => {
    for (const [bytes, message] of vectors) expect(decoded(hub, splitter(), bytes)).toEqual([message]);
  });

  it('reads all messages from one frame', () => {
    const bytes = Buffer.concat(vectors.map(([each]) => each));
    expect(decoded(hub, splitter(), bytes)).toEqual(vectors.map(([, message]) => message));
  });

  it('reads two messages that are split at every byte', () => {
    for (const [index, [bytes, message]] of vectors.entries()) {
      const [nextBytes, nextMessage] = vectors[(index + 1) % vectors.length] as Vector;
      const both = Buffer.concat([bytes, nextBytes]);
      for (let at = 0; at <= both.length; at++) {
        const parts = splitter();
        const messages = [
          ...decoded(hub, parts, both.subarray(0, at)),
          ...decoded(hub, parts, both.subarray(at)),
        ];
        expect(messages).toEqual([message, nextMessage]);
      }
    }
  });

  it('reads messages that arrive one byte at a time', () => {
    const parts = splitter();
    const bytes = Buffer.concat(vectors.map(([each]) => each));
    const messages = [...bytes].flatMap((byte) => decoded(hub, parts, Buffer.from([byte])));
    expect(messages).toEqual(vectors.map(([, message]) => message));
  });

  it('reads a message in many small pieces in linear time', () => {
    const big = hub.event('Big', ['x'.repeat(MAX_BYTES - 100)]).payload;
    const parts = new MessageSplitter(hub.find, 10 * MAX_BYTES);
    const started = performance.now();
    let count = 0;
    for (const byte of big) count += [...parts.push(Buffer.from([byte]))].length;
    expect(count).toBe(1);
    // Copying what has arrived for each piece would take 5 GB of copies, some seconds.
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it('refuses a message that is larger than the limit, whether or not it is complete', () => {
    const big = hub.event('Big', ['x'.repeat(1000)]).payload;
    for (const bytes of [big, big.subarray(0, 800)])
      expect(() => [...new MessageSplitter(hub.find, 500).push(bytes)]).toThrow(HubProtocolError);
  });
});

describe('writes what Microsoft’s clients read:', () => {
  it.each<[name: string, frame: ClientFrame, bytes: Buffer]>([
    ['an item', jsonHubProtocol.item('1', { a: 1 }), json('{"type":2,"invocationId":"1","item":{"a":1}}')],
    [
      'an item without a value',
      jsonHubProtocol.item('1', undefined),
      json('{"type":2,"invocationId":"1","item":null}'),
    ],
    ['a result', jsonHubProtocol.result('1', 42), json('{"type":3,"invocationId":"1","result":42}')],
    [
      'no result',
      jsonHubProtocol.result('1', undefined),
      json('{"type":3,"invocationId":"1","result":null}'),
    ],
    ['the end of a stream', jsonHubProtocol.end('1'), json('{"type":3,"invocationId":"1"}')],
    [
      'an error',
      jsonHubProtocol.error('1', 'Whoops!'),
      json('{"type":3,"invocationId":"1","error":"Whoops!"}'),
    ],
    ['a ping', jsonHubProtocol.ping(), json('{"type":6}')],
    ['a close', jsonHubProtocol.close(undefined, false), json('{"type":7}')],
    [
      'a close to come back from',
      jsonHubProtocol.close(undefined, true),
      json('{"type":7,"allowReconnect":true}'),
    ],
    [
      'a close with an error',
      jsonHubProtocol.close('Error!', true),
      json('{"type":7,"error":"Error!","allowReconnect":true}'),
    ],
    ['a close with an empty error', jsonHubProtocol.close('', false), json('{"type":7,"error":""}')],
    ['an acknowledgment', jsonHubProtocol.acknowledgment(1394), json('{"type":8,"sequenceId":1394}')],
    ['a sequence number', jsonHubProtocol.sequence(1234), json('{"type":9,"sequenceId":1234}')],
    [
      'an item that is a text',
      msgpackHubProtocol.item('xyz', 'string'),
      hex('0e 94 02 80 a3 78 79 7a a6 73 74 72 69 6e 67'),
    ],
    ['a result that is true', msgpackHubProtocol.result('xyz', true), hex('09 95 03 80 a3 78 79 7a 03 c3')],
    ['an acknowledgment', msgpackHubProtocol.acknowledgment(42), hex('03 92 08 2a')],
    ['a sequence number', msgpackHubProtocol.sequence(146), hex('04 92 09 cc 92')],
    ['an item', msgpackHubProtocol.item('xyz', 42), hex('08 94 02 80 a3 78 79 7a 2a')],
    ['an item without a value', msgpackHubProtocol.item('xyz', undefined), hex('08 94 02 80 a3 78 79 7a c0')],
    ['a result', msgpackHubProtocol.result('abc', 'OK'), hex('0b 95 03 80 a3 61 62 63 03 a2 4f 4b')],
    ['no result', msgpackHubProtocol.result('xyz', null), hex('09 95 03 80 a3 78 79 7a 03 c0')],
    ['the end of a stream', msgpackHubProtocol.end('xyz'), hex('08 94 03 80 a3 78 79 7a 02')],
    [
      'an error',
      msgpackHubProtocol.error('xyz', 'Error not found!'),
      hex('19 95 03 80 a3 78 79 7a 01 b0 45 72 72 6f 72 20 6e 6f 74 20 66 6f 75 6e 64 21'),
    ],
    ['a ping', msgpackHubProtocol.ping(), hex('02 91 06')],
    ['a close', msgpackHubProtocol.close(undefined, false), hex('04 93 07 c0 c2')],
    ['a close to come back from', msgpackHubProtocol.close(undefined, true), hex('04 93 07 c0 c3')],
    [
      'a close with an error',
      msgpackHubProtocol.close('Error!', true),
      hex('0a 93 07 a6 45 72 72 6f 72 21 c3'),
    ],
    [
      'an event',
      msgpackHubProtocol.event('method', [42]),
      hex('0e 96 01 80 c0 a6 6d 65 74 68 6f 64 91 2a 90'),
    ],
  ])('%s', (_name, frame, bytes) => {
    expect(frame.payload.toString('hex')).toBe(bytes.toString('hex'));
  });

  it.each([
    [0, '00'],
    [53, '35'],
    [127, '7f'],
    [128, '8001'],
    [5248, '8029'],
    [16_384, '808001'],
    [2_147_483_647, 'ffffffff07'],
  ])('the length %i', (length, bytes) => {
    expect(lengthPrefix(length).toString('hex')).toBe(bytes);
  });
});

describe('violates the protocol:', () => {
  it.each([
    '',
    'null',
    '[]',
    '"text"',
    '{}',
    '{"type":"1"}',
    '{"type":1,"arguments":[]}',
    '{"type":1,"target":"","arguments":[]}',
    '{"type":1,"target":"T"}',
    '{"type":1,"target":"T","arguments":{}}',
    '{"type":1,"target":5,"arguments":[]}',
    '{"type":1,"target":"T","arguments":[],"invocationId":5}',
    '{"type":1,"target":"T","arguments":[],"streamIds":[5]}',
    '{"type":1,"target":"T","arguments":[],"streamIds":"a"}',
    '{"type":4,"target":"T","arguments":[]}',
    '{"type":2,"item":1}',
    '{"type":3}',
    '{"type":3,"invocationId":"1","result":1,"error":"x"}',
    '{"type":3,"invocationId":"1","error":5}',
    '{"type":5}',
    '{"type":1,',
    `{"type":1,"target":"T","arguments":${'['.repeat(200)}${']'.repeat(200)}}`,
  ])('JSON %s', (text) => {
    expect(() => jsonHubProtocol.decode(Buffer.from(text), LIMITS)).toThrow(HubProtocolError);
  });

  it.each([
    '',
    '80',
    '2a',
    '90',
    '91a131',
    '940180c0a161',
    '950180c0a16180',
    '950180c005 90',
    '950180c0a090',
    '960180c0a1619005',
    '94038001 02',
    '940380a13109',
    '950380a13101 05',
    '920580',
    'c1',
    'dd7fffffff',
    '960180c0a16191',
  ])('MessagePack %s', (bytes) => {
    expect(() => msgpackHubProtocol.decode(hex(bytes), LIMITS)).toThrow(HubProtocolError);
  });

  it.each(['80808080 08', 'ffffffff ff', 'ffffffff 0f'])('the length %s', (bytes) => {
    expect(() => [...new MessageSplitter(msgpackHubProtocol.find, MAX_BYTES).push(hex(bytes))]).toThrow(
      HubProtocolError,
    );
  });
});
