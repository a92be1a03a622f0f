import { EXPIRED } from '../broadcast/close-code.js';
import type { ClientFrame } from '../protocol/client-frame.js';
import { HubErrors } from './hub-errors.js';
import type { HubProtocol } from './hub-protocol.js';

const GOING_AWAY = 1001;
const PROTOCOL_ERROR = 1002;
const POLICY_VIOLATION = 1008;
const INTERNAL_ERROR = 1011;
const SERVICE_RESTART = 1012;
const TRY_AGAIN_LATER = 1013;

/** With these codes, another attempt may succeed. */
const COME_BACK: ReadonlySet<number> = new Set([
  GOING_AWAY,
  PROTOCOL_ERROR,
  SERVICE_RESTART,
  TRY_AGAIN_LATER,
]);

/**
 * The message before the close frame. It decides whether a client with automatic reconnect comes back: after a kick it must
 * not, but after a shutdown it should. A client with stateful reconnect that gets the message to come back opens a
 * connection with its old token, forgets it, and is confused by its end. So it gets none, and tries the old token first.
 */
export function closeMessageFor(
  hub: HubProtocol,
  code: number,
  reason: string,
  isStateful: boolean,
): ClientFrame | undefined {
  const isExpired = code === POLICY_VIOLATION && reason === EXPIRED;
  const allowReconnect = isExpired || COME_BACK.has(code);
  return allowReconnect && isStateful ? undefined : hub.close(errorOf(code, reason), allowReconnect);
}

function errorOf(code: number, reason: string): string | undefined {
  if (code === INTERNAL_ERROR) return HubErrors.closed;
  // The server shuts down, about which the client need not complain.
  return code === GOING_AWAY || reason === '' ? undefined : reason;
}
