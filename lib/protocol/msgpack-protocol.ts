import { decode, encode } from '@msgpack/msgpack';
import { ClientFrame } from './client-frame.js';
import type { ClientProtocol } from './client-protocol.js';
import { scanMsgpack } from './scan-msgpack.js';

/** Levels of arrays and maps, as many as a client's message may have by default: what is accepted can be sent on. */
const MAX_DEPTH = 100;

/** The same messages as MessagePack in binary frames. Binary values arrive as `Uint8Array`. */
export const msgpackProtocol: ClientProtocol = {
  name: 'msgpack',
  code: 2,
  subprotocol: 'backplane.msgpack.v1',
  binary: true,
  // As in JSON, a property that is undefined is not there. What is inside the deepest container counts as a level.
  encode: (message) =>
    ClientFrame.of(encode(message, { ignoreUndefined: true, maxDepth: MAX_DEPTH + 1 }), true),
  check: scanMsgpack,
  decode: (bytes) => decode(bytes),
};
