import { decode } from '@msgpack/msgpack';
import { describe, expect, it, vi } from 'vitest';
import type { ClientProtocol } from '../../lib/protocol/client-protocol.js';
import { clientProtocols, protocolOfCode } from '../../lib/protocol/client-protocols.js';
import { jsonProtocol } from '../../lib/protocol/json-protocol.js';
import { MessageFrames } from '../../lib/protocol/message-frames.js';
import { msgpackProtocol } from '../../lib/protocol/msgpack-protocol.js';
import { UnsendableDataError } from '../../lib/protocol/unsendable-data.error.js';

const MESSAGE = { event: 'größe', data: { list: [1, -2, 3.5, null, true], text: '😀' } };
const JSON_TEXT = JSON.stringify(MESSAGE);
const UNKNOWN = { protocol: 200, bytes: Buffer.from('?') };

function counting(protocol: ClientProtocol) {
  return {
    ...protocol,
    encode: vi.fn((message: unknown) => protocol.encode(message)),
    decode: vi.fn((bytes: Buffer) => protocol.decode(bytes)),
  };
}

describe('the client protocols', () => {
  it('have fixed numbers and subprotocols', () => {
    expect(protocolOfCode(1)).toBe(jsonProtocol);
    expect(protocolOfCode(2)).toBe(msgpackProtocol);
    expect(protocolOfCode(0)).toBeUndefined();
    expect(protocolOfCode(200)).toBeUndefined();
    expect(jsonProtocol.subprotocol).toBeUndefined();
    expect(msgpackProtocol.subprotocol).toBe('backplane.msgpack.v1');
  });

  it('are selected by name', () => {
    expect(clientProtocols(['json'])).toEqual([jsonProtocol]);
    expect(clientProtocols(['msgpack', 'json'])).toEqual([jsonProtocol, msgpackProtocol]);
  });

  it.each([jsonProtocol, msgpackProtocol])('$name decodes what it has encoded', (protocol) => {
    const frame = protocol.encode(MESSAGE);
    expect(frame.binary).toBe(protocol.binary);
    expect(protocol.decode(frame.payload)).toEqual(MESSAGE);
  });

  it.each([jsonProtocol, msgpackProtocol])('$name leaves out undefined properties', (protocol) => {
    const { payload } = protocol.encode({ event: 'e', data: undefined });
    expect(Object.keys(protocol.decode(payload) as object)).toEqual(['event']);
  });

  it.each([jsonProtocol, msgpackProtocol])(
    '$name throws for a circular value and for garbage',
    (protocol) => {
      const circular: { self?: unknown } = {};
      circular.self = circular;
      expect(() => protocol.encode(circular)).toThrow();
      expect(() => protocol.decode(Buffer.from([0xc1, 0xff]))).toThrow();
    },
  );
});

describe('a message of this server', () => {
  it('is encoded once per protocol, on first use', () => {
    const json = counting(jsonProtocol);
    const msgpack = counting(msgpackProtocol);
    const frames = MessageFrames.of(MESSAGE);
    expect(json.encode).not.toHaveBeenCalled();
    const frame = frames.for(json);
    expect(frames.for(json)).toBe(frame);
    frames.payloads([json]);
    expect(json.encode).toHaveBeenCalledTimes(1);
    expect(msgpack.encode).not.toHaveBeenCalled();
  });

  it('has the same bytes for other servers as for local clients', () => {
    const frames = MessageFrames.of(MESSAGE);
    const payloads = frames.payloads([jsonProtocol, msgpackProtocol]);
    expect(payloads.map(({ protocol }) => protocol)).toEqual([1, 2]);
    expect(payloads[0]?.bytes).toEqual(frames.for(jsonProtocol).payload);
    expect(payloads[0]?.bytes.toString()).toBe(JSON_TEXT);
    expect(decode(payloads[1]?.bytes ?? Buffer.alloc(0))).toEqual(MESSAGE);
  });

  it('throws an error that names the protocol and says why', () => {
    const frames = MessageFrames.of({ data: 1n });
    const why = /^The data cannot be sent as json: Do not know how to serialize a BigInt\./;
    expect(() => frames.for(jsonProtocol)).toThrow(UnsendableDataError);
    expect(() => frames.for(jsonProtocol)).toThrow(why);
  });
});

describe('a message of another server', () => {
  it('is passed to clients of the same protocol unparsed', () => {
    const json = counting(jsonProtocol);
    const frames = MessageFrames.received([{ protocol: 1, bytes: Buffer.from('not even JSON') }]);
    expect(frames.for(json).payload.toString()).toBe('not even JSON');
    expect(frames.for(json)).toBe(frames.for(json));
    expect(frames.for(json).binary).toBe(false);
    expect(json.encode).not.toHaveBeenCalled();
    expect(json.decode).not.toHaveBeenCalled();
  });

  it('may be a view of a buffer that is reused later', () => {
    const bytes = Buffer.from(JSON_TEXT);
    const frame = MessageFrames.received([{ protocol: 1, bytes }]).for(jsonProtocol);
    bytes.fill(0);
    expect(frame.payload.toString()).toBe(JSON_TEXT);
  });

  it('is converted once for clients of a protocol that its sender did not use', () => {
    const msgpack = counting(msgpackProtocol);
    const frames = MessageFrames.received([UNKNOWN, { protocol: 1, bytes: Buffer.from(JSON_TEXT) }]);
    expect(decode(frames.for(msgpack).payload)).toEqual(MESSAGE);
    expect(frames.for(msgpack).binary).toBe(true);
    expect(msgpack.encode).toHaveBeenCalledTimes(1);
  });

  it('is also converted from MessagePack to JSON', () => {
    const { payload } = msgpackProtocol.encode(MESSAGE);
    const frame = MessageFrames.received([{ protocol: 2, bytes: payload }]).for(jsonProtocol);
    expect(frame.payload.toString()).toBe(JSON_TEXT);
    expect(frame.binary).toBe(false);
  });

  it.each([[[]], [[UNKNOWN]]])('throws if it has no payload in a known protocol (%#)', (payloads) => {
    expect(() => MessageFrames.received(payloads).for(jsonProtocol)).toThrow(TypeError);
  });
});
