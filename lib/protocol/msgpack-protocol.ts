import { decode, encode, type ExtData, ExtensionCodec } from '@msgpack/msgpack';
import { ClientFrame } from './client-frame.js';
import type { ClientProtocol } from './client-protocol.js';
import { scanMsgpack } from './scan-msgpack.js';

/** The same depth as the default of `limits.payloadDepth`, so that a message which is accepted can be passed on. */
const MAX_DEPTH = 100;

/**
 * Refuses own keys `__proto__`. The decoders of clients throw on them, so the message would disconnect everybody who gets
 * it. The codec sees each object before it is encoded, which costs less than a search in the encoded bytes.
 */
class SafeKeysCodec extends ExtensionCodec {
  override tryToEncode(value: object, context: undefined): ExtData | null {
    if (Object.hasOwn(value, '__proto__'))
      throw new TypeError('MessagePack clients refuse the key __proto__');
    return super.tryToEncode(value, context);
  }
}

const extensionCodec = new SafeKeysCodec();

/**
 * Encodes a value as MessagePack. Leaves out undefined properties, as JSON does. The result may be a view of a much larger
 * buffer.
 *
 * @throws if MessagePack, or the decoder of a client, cannot represent the value
 */
export function encodeMsgpack(value: unknown, maxDepth: number): Uint8Array {
  return encode(value, { ignoreUndefined: true, maxDepth, extensionCodec });
}

/** `{ event, data }` as MessagePack in binary frames. Binary values arrive as `Uint8Array`. */
export const msgpackProtocol: ClientProtocol = {
  name: 'msgpack',
  code: 2,
  subprotocol: 'backplane.msgpack.v1',
  binary: true,
  // `maxDepth` counts the values in the innermost container as a level.
  encode: (message) => ClientFrame.of(encodeMsgpack(message, MAX_DEPTH + 1), true),
  check: scanMsgpack,
  decode: (bytes) => decode(bytes),
};
