import { ClientFrame } from './client-frame.js';
import type { ClientProtocol } from './client-protocol.js';
import { scanJson } from './scan-json.js';

/** `{ "event", "data" }` as JSON text, like `@nestjs/platform-ws`. */
export const jsonProtocol: ClientProtocol = {
  name: 'json',
  code: 1,
  subprotocol: undefined,
  binary: false,
  encode: (message) => ClientFrame.text(JSON.stringify(message)),
  check: scanJson,
  decode: (bytes) => JSON.parse(bytes.toString()) as unknown,
};
