import { EXPIRED, HOOK_FAILED, TOO_MANY_PENDING } from '../broadcast/close-code.js';
import type { ClientFrame } from '../protocol/client-frame.js';
import { HubErrors } from './hub-errors.js';
import type { HubProtocol } from './hub-protocol.js';

const GOING_AWAY = 1001;
const PROTOCOL_ERROR = 1002;
const POLICY_VIOLATION = 1008;
const INTERNAL_ERROR = 1011;
const SERVICE_RESTART = 1012;
const TRY_AGAIN_LATER = 1013;

/** The close codes after which a new connection may succeed. */
const COME_BACK: ReadonlySet<number> = new Set([
  GOING_AWAY,
  PROTOCOL_ERROR,
  SERVICE_RESTART,
  TRY_AGAIN_LATER,
]);

/**
 * Creates the message that precedes the close frame. It decides whether a client with automatic reconnect comes back: it
 * should after a shutdown, but not after `disconnect`. `undefined` for a client with stateful reconnect that should come
 * back: with the message, such a client opens a socket with its old token, loses track of it, and mishandles its close.
 * Without the message, it tries the old token first and then reconnects.
 */
export function closeMessageFor(
  hub: HubProtocol,
  code: number,
  reason: string,
  isStateful: boolean,
): ClientFrame | undefined {
  // A client that resumes its session repeats its messages in one burst, and is not to blame for that.
  const isTemporary = code === POLICY_VIOLATION && (reason === EXPIRED || reason === TOO_MANY_PENDING);
  const allowReconnect = isTemporary || COME_BACK.has(code);
  return allowReconnect && isStateful ? undefined : hub.close(errorOf(code, reason), allowReconnect);
}

function errorOf(code: number, reason: string): string | undefined {
  if (code === INTERNAL_ERROR) {
    const isForClient = reason !== '' && reason !== HOOK_FAILED;
    return isForClient ? `${HubErrors.closed} HubException: ${reason}` : HubErrors.closed;
  }
  // A shutdown is not an error that the client should report.
  return code === GOING_AWAY || reason === '' ? undefined : reason;
}
