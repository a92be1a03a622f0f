import type { HubProtocol } from './hub-protocol.js';

/** What a client's handshake asks for, or the error that it gets. */
export type Handshake =
  | { readonly hub: HubProtocol; readonly error?: undefined }
  | { readonly hub?: undefined; readonly error: string };

/** The answer to a valid handshake: an empty object and a record separator. */
export const ACCEPTED = '{}\u001e';

/** Version 2 adds stateful reconnect, which a client may use only if the negotiation offered it. */
const MAX_VERSION = 2;

/** Reads the first message of a client, without its record separator. Never throws. */
export function readHandshake(bytes: Buffer, hubs: readonly HubProtocol[]): Handshake {
  const request = parse(bytes);
  if (!request) return { error: 'An unexpected error occurred during connection handshake.' };
  const { protocol, version } = request;
  const hub = hubs.find(({ hubName }) => hubName === protocol);
  if (!hub) return { error: `The protocol '${protocol}' is not supported.` };
  if (version < 1 || version > MAX_VERSION)
    return { error: `The server does not support version ${version} of the '${protocol}' protocol.` };
  return { hub };
}

/** The answer to an invalid handshake. */
export function refusal(error: string): string {
  return `${JSON.stringify({ error })}\u001e`;
}

/** Whether the message is a handshake, valid or not. Other clients send no such message. */
export function isHandshake(bytes: Buffer): boolean {
  return parse(bytes) !== undefined;
}

function parse(bytes: Buffer): { protocol: string; version: number } | undefined {
  try {
    const request: unknown = JSON.parse(bytes.toString());
    return isRequest(request) ? request : undefined;
  } catch {
    return undefined;
  }
}

function isRequest(value: unknown): value is { protocol: string; version: number } {
  if (typeof value !== 'object' || value === null) return false;
  const { protocol, version } = value as Partial<Record<'protocol' | 'version', unknown>>;
  return typeof protocol === 'string' && Number.isInteger(version);
}
