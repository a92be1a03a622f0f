import type { Random } from '../support/seed.js';
import type { ProtocolName } from './client-messages.js';

/** The path of the gateway that the cases attack. Witnesses use `/witness`. */
export const FUZZ_PATH = '/fuzz';
export const MSGPACK_SUBPROTOCOL = 'backplane.msgpack.v1';

export interface UpgradeOptions {
  readonly method?: string;
  readonly target?: string;
  readonly version?: string;
  /** Added to the standard headers or replacing them by name. `undefined` removes a header. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly newline?: string;
}

/** An upgrade request, valid by default. */
export function upgradeRequest(options: UpgradeOptions = {}): string {
  const { method = 'GET', target = FUZZ_PATH, version = 'HTTP/1.1', newline = '\r\n' } = options;
  const headers: Record<string, string | undefined> = {
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    ...options.headers,
  };
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}`],
  );
  return [`${method} ${target} ${version}`, ...lines, '', ''].join(newline);
}

export function protocolUpgrade(protocol: ProtocolName, target = FUZZ_PATH): string {
  const headers = protocol === 'msgpack' ? { 'Sec-WebSocket-Protocol': MSGPACK_SUBPROTOCOL } : {};
  return upgradeRequest({ target, headers });
}

const TARGETS = [
  FUZZ_PATH,
  `${FUZZ_PATH}/`,
  `${FUZZ_PATH}///`,
  `${FUZZ_PATH}?user=u1`,
  `${FUZZ_PATH}?`,
  `${FUZZ_PATH}#fragment`,
  `http://localhost${FUZZ_PATH}`,
  `http://localhost:1${FUZZ_PATH}?a=b`,
  `ws://localhost${FUZZ_PATH}`,
  'http://',
  'http://[',
  'http:///',
  '*',
  '/',
  '//fuzz',
  '/%66uzz',
  '/fuzz%',
  '/fuzz%00',
  '/fuzz/../fuzz',
  '/FUZZ',
  '/fuzz\u00ff',
  '/constructor',
  '/__proto__',
  'localhost:80',
] as const;

const HEADERS: readonly ((random: Random) => Readonly<Record<string, string | undefined>>)[] = [
  () => ({ 'Sec-WebSocket-Key': undefined }),
  () => ({ 'Sec-WebSocket-Key': 'short' }),
  () => ({ 'Sec-WebSocket-Version': 'x' }),
  () => ({ 'Sec-WebSocket-Version': '8' }),
  () => ({ 'Sec-WebSocket-Protocol': ',,' }),
  () => ({ 'Sec-WebSocket-Protocol': `${'a,'.repeat(2000)}a` }),
  () => ({ 'Sec-WebSocket-Protocol': `${MSGPACK_SUBPROTOCOL},${MSGPACK_SUBPROTOCOL}` }),
  () => ({ 'Sec-WebSocket-Protocol': `other, ${MSGPACK_SUBPROTOCOL}` }),
  () => ({ 'Sec-WebSocket-Extensions': '"' }),
  () => ({ 'Sec-WebSocket-Extensions': 'permessage-deflate; server_max_window_bits=999' }),
  () => ({ 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' }),
  () => ({ Upgrade: 'h2c' }),
  () => ({ Upgrade: 'websocket, websocket' }),
  () => ({ Connection: 'keep-alive, Upgrade' }),
  () => ({ Connection: 'close' }),
  () => ({ Host: undefined }),
  () => ({ Host: 'a b' }),
  () => ({ Origin: 'null' }),
  () => ({ Origin: `https://${'x'.repeat(8000)}` }),
  () => ({ Origin: 'http://[', Cookie: 'a=b' }),
  () => ({ Cookie: 'x'.repeat(20_000) }),
  () => ({ Authorization: 'Bearer \u0001' }),
  () => ({ 'Content-Length': '5' }),
  () => ({ 'Transfer-Encoding': 'chunked' }),
  () => ({ 'Content-Length': '-1' }),
  () => ({ Expect: '100-continue' }),
  (random) =>
    Object.fromEntries(
      Array.from({ length: random.pick([50, 1500, 3000]) }, (_, index) => [`x-${index}`, 'y']),
    ),
  // `authenticate` in fuzz-server.ts reads this header and refuses, throws, delays or accepts.
  (random) => ({ 'X-Fuzz': random.pick(['refuse', 'throw', 'slow', 'never', 'user', 'expired', 'broken']) }),
];

/** A random upgrade request, valid or not. */
export function anyUpgrade(random: Random): string {
  const headers = random.list(3, () => random.pick(HEADERS)(random));
  return upgradeRequest({
    method:
      random.below(8) === 0 ? random.pick(['POST', 'HEAD', 'CONNECT', 'OPTIONS', 'get', 'BREW']) : 'GET',
    target: random.below(2) === 0 ? FUZZ_PATH : random.pick(TARGETS),
    version:
      random.below(10) === 0 ? random.pick(['HTTP/1.0', 'HTTP/2.0', 'HTTP/9', 'http/1.1']) : 'HTTP/1.1',
    newline: random.below(20) === 0 ? '\n' : '\r\n',
    headers: Object.assign({}, ...headers) as Record<string, string | undefined>,
  });
}
