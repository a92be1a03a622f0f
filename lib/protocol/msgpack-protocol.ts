import { decode, encode } from '@msgpack/msgpack';
import { ClientFrame } from './client-frame.js';
import type { ClientProtocol } from './client-protocol.js';
import { scanMsgpack } from './scan-msgpack.js';

/** The same depth as the default of `limits.payloadDepth`, so that a message which is accepted can be passed on. */
const MAX_DEPTH = 100;

/** `{ event, data }` as MessagePack in binary frames. Binary values arrive as `Uint8Array`. */
export const msgpackProtocol: ClientProtocol = {
  name: 'msgpack',
  code: 2,
  subprotocol: 'backplane.msgpack.v1',
  binary: true,
  // Leaves out undefined properties, as JSON does. `maxDepth` counts the values in the innermost container as a level.
  encode: (message) =>
    ClientFrame.of(encode(message, { ignoreUndefined: true, maxDepth: MAX_DEPTH + 1 }), true),
  check: scanMsgpack,
  decode: (bytes) => decode(bytes),
};
