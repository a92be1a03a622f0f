import { decode, encode } from '@msgpack/msgpack';
import { ClientFrame } from './client-frame.js';
import type { ClientProtocol } from './client-protocol.js';
import { scanMsgpack } from './scan-msgpack.js';

/** The same messages as MessagePack in binary frames. Binary values arrive as `Uint8Array`. */
export const msgpackProtocol: ClientProtocol = {
  name: 'msgpack',
  code: 2,
  subprotocol: 'backplane.msgpack.v1',
  binary: true,
  // As in JSON, a property that is undefined is not there.
  encode: (message) => ClientFrame.of(encode(message, { ignoreUndefined: true }), true),
  check: scanMsgpack,
  decode: (bytes) => decode(bytes),
};
