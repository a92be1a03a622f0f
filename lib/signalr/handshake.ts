import type { HubProtocol } from './hub-protocol.js';

/** The protocol and version that a client's handshake requests, or the error that the client gets. */
export type Handshake =
  | { readonly hub: HubProtocol; readonly version: number; readonly error?: undefined }
  | { readonly hub?: undefined; readonly error: string };

/** The response to a valid handshake: an empty object and a record separator. */
export const ACCEPTED = '{}\u001e';

const OPEN_BRACE = 0x7b;
/** Version 2 adds stateful reconnect. */
const MAX_VERSION = 2;

/**
 * Reads the first message of a client, without its record separator. Returns `'hub message'` for a message that may only
 * follow a handshake. Never throws.
 */
export function readHandshake(bytes: Buffer, hubs: readonly HubProtocol[]): Handshake | 'hub message' {
  const message = parse(bytes);
  if (message && 'type' in message) return 'hub message';
  const { protocol, version }: { protocol?: unknown; version?: unknown } = message ?? {};
  if (typeof protocol !== 'string' || typeof version !== 'number')
    return { error: 'An unexpected error occurred during connection handshake.' };
  const hub = hubs.find(({ hubName }) => hubName === protocol);
  if (!hub) return { error: `The protocol '${protocol}' is not supported.` };
  if (!Number.isInteger(version) || version < 1 || version > MAX_VERSION)
    return { error: `The server does not support version ${version} of the '${protocol}' protocol.` };
  return { hub, version };
}

/** The response to an invalid handshake. */
export function refusal(error: string): string {
  return `${JSON.stringify({ error })}\u001e`;
}

/** Whether a client's first bytes may be the start of a handshake, which is a JSON object. */
export function mayBeHandshake(bytes: Buffer): boolean {
  return bytes.length === 0 || bytes[0] === OPEN_BRACE;
}

function parse(bytes: Buffer): object | undefined {
  try {
    const message: unknown = JSON.parse(bytes.toString());
    return typeof message === 'object' && message !== null ? message : undefined;
  } catch {
    return undefined;
  }
}
