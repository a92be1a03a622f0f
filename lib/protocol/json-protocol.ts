import { ClientFrame } from './client-frame.js';
import type { ClientProtocol } from './client-protocol.js';
import type { PayloadLimits, PayloadProblem } from './payload-limits.js';
import { scanJson } from './scan-json.js';

const BACKSLASH = 0x5c;
const PROTO = Buffer.from('__proto__');
/**
 * The key `__proto__`, with or without escapes. It matches no text inside a string: a quote there has a backslash before it,
 * and so would the closing quote of the match.
 */
const PROTO_KEY =
  /(?<!\\)"(?:_|\\u005[Ff]){2}(?:p|\\u0070)(?:r|\\u0072)(?:o|\\u006[Ff])(?:t|\\u0074)(?:o|\\u006[Ff])(?:_|\\u005[Ff]){2}"[ \t\r\n]*:/;

/** `{ "event", "data" }` as JSON text, like `@nestjs/platform-ws`. */
export const jsonProtocol: ClientProtocol = {
  name: 'json',
  code: 1,
  subprotocol: undefined,
  binary: false,
  encode: (message) => ClientFrame.text(JSON.stringify(message)),
  check,
  decode: (bytes) => JSON.parse(bytes.toString()) as unknown,
};

/**
 * Also refuses the key `__proto__`, as the decoders of MessagePack do. If it was passed on to a client that uses
 * MessagePack, its decoder would throw, and one client could make others disconnect.
 */
function check(bytes: Buffer, limits: PayloadLimits): PayloadProblem | undefined {
  const problem = scanJson(bytes, limits);
  if (problem) return problem;
  // Few messages have either, and the searches for them take a small part of the time that parsing takes.
  if (!bytes.includes(BACKSLASH) && !bytes.includes(PROTO)) return undefined;
  return PROTO_KEY.test(bytes.toString('latin1')) ? 'key' : undefined;
}
