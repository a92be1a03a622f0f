import { decode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { jsonProtocol } from '../../lib/protocol/json-protocol.js';
import { MessageFrames } from '../../lib/protocol/message-frames.js';
import { msgpackProtocol } from '../../lib/protocol/msgpack-protocol.js';
import { NO_PAYLOAD_LIMITS } from '../../lib/protocol/payload-limits.js';
import { readClientFrame } from '../../lib/protocol/read-client-frame.js';
import { UnsendableDataError } from '../../lib/protocol/unsendable-data.error.js';
import { msgpackHubProtocol } from '../../lib/signalr/msgpack-hub-protocol.js';

/** Such an object has an own property, unlike `{ __proto__: 1 }`. */
const withProtoKey = (): unknown => JSON.parse('{"nested":[{"__proto__":{"a":1}}]}');
const read = (text: string): string =>
  readClientFrame(jsonProtocol, Buffer.from(text), NO_PAYLOAD_LIMITS).kind;
const event = (data: string): string => `{"event":"e","data":${data}}`;

describe('a message in JSON with the key __proto__ is refused', () => {
  it.each([
    ['as data', event('{"__proto__":1}')],
    ['deep inside', event('[[{"a":{"b":{"__proto__":{}}}}]]')],
    ['beside the event', '{"event":"e","__proto__":{"data":1}}'],
    ['after another key', event('{"a":1,"__proto__":1}')],
    ['before white space', event('{"__proto__" \t\r\n : 1}')],
    ['after a string that ends with a backslash', event(String.raw`["\\",{"__proto__":1}]`)],
    ['with an escaped character', event(String.raw`{"\u005f_proto__":1}`)],
    [
      'with escaped characters only',
      event(String.raw`{"\u005F\u005f\u0070\u0072\u006F\u0074\u006f\u005f\u005F":1}`),
    ],
  ])('%s', (_name, text) => {
    expect(() => JSON.parse(text) as unknown).not.toThrow();
    expect(read(text)).toBe('invalid');
  });
});

describe('a message in JSON is accepted with', () => {
  it.each([
    ['the text __proto__ as a value', event('"__proto__"')],
    ['the text __proto__ in an array', event('["__proto__", "a"]')],
    ['a longer key', event('{"x__proto__":1,"__proto__x":1}')],
    ['JSON inside a string', event(JSON.stringify('{"__proto__":1}'))],
    ['a key that ends with a quoted __proto__', event(String.raw`{"\"__proto__":1}`)],
    ['an escaped backslash in the key', event(String.raw`{"\\u005f_proto__":1}`)],
    ['other escapes', event(String.raw`{"a\u005f":"\u00e4"}`)],
  ])('%s', (_name, text) => {
    expect(read(text)).toBe('event');
  });
});

describe('data of the app with the key __proto__', () => {
  it('cannot be sent as MessagePack, because the decoder of a client would throw', () => {
    const frames = MessageFrames.of({ event: 'e', data: withProtoKey() });
    expect(() => frames.for(msgpackProtocol)).toThrow(UnsendableDataError);
    expect(() => frames.for(msgpackProtocol)).toThrow('__proto__');
    expect(() => msgpackHubProtocol.event('e', [withProtoKey()])).toThrow('__proto__');
    expect(() => msgpackHubProtocol.result('1', withProtoKey())).toThrow('__proto__');
  });

  it('still reaches clients that use JSON', () => {
    const frames = MessageFrames.of({ event: 'e', data: withProtoKey() });
    expect(frames.for(jsonProtocol).payload.toString()).toContain('"__proto__"');
    expect(frames.payloads([jsonProtocol, msgpackProtocol])).toHaveLength(1);
  });

  it('of another server is not converted to MessagePack', () => {
    const bytes = Buffer.from(event('{"__proto__":1}'));
    const frames = MessageFrames.received([{ protocol: jsonProtocol.code, bytes }]);
    expect(frames.attempt(msgpackProtocol)).toBeInstanceOf(Error);
    expect(frames.for(jsonProtocol).payload.toString()).toBe(bytes.toString());
  });
});

it('MessagePack still encodes dates and bytes', () => {
  const data = { at: new Date(1_700_000_000_123), bytes: new Uint8Array([1, 2]), none: undefined };
  expect(decode(new Uint8Array(msgpackProtocol.encode(data).payload))).toEqual({
    at: data.at,
    bytes: data.bytes,
  });
});
