import type { Type } from '@nestjs/common';
import { GATEWAY_METADATA, GATEWAY_OPTIONS, PORT_METADATA } from '@nestjs/websockets/internal';
import { MAX_NAME_BYTES, pathKey } from '../protocol/channel-names.js';
import { InvalidArgumentError, shown } from '../protocol/invalid-argument.error.js';
import { InvalidPathError, NotAGatewayError } from './broadcast.errors.js';

const MAX_PORT = 65_535;

/**
 * Reads what `@WebSocketGateway()` leaves on a class. Its metadata keys are exported for Nest's own packages
 * only; a contract test holds them.
 *
 * @throws NotAGatewayError, InvalidArgumentError, InvalidPathError
 */
export function gatewayPath(gateway: Type | string): string {
  if (typeof gateway === 'string') return keyOf(gateway);
  // Modules that import each other in a circle are a common reason for `undefined`.
  if (typeof gateway !== 'function')
    throw invalidGateway("a gateway's class, or its path such as '/chat'", gateway);
  if (!Reflect.getMetadata(GATEWAY_METADATA, gateway)) throw new NotAGatewayError(gateway.name);
  const { path } = (Reflect.getMetadata(GATEWAY_OPTIONS, gateway) ?? {}) as { path?: string };
  checkPath(path);
  return pathKey(path, (Reflect.getMetadata(PORT_METADATA, gateway) ?? 0) as number);
}

/** Characters that stand in the path of a URL as they are, and escapes of others (RFC 3986, section 3.3). */
const PATH = /^(?:[\w\-.~!$&'()*+,;=:@/]|%[\da-f]{2})*$/i;
/** Every client resolves them before it asks. */
const DOT_SEGMENT = /(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i;

/**
 * Checks the path of a gateway: what a client cannot ask for as it stands would never be found.
 *
 * @throws InvalidPathError
 */
export function checkPath(path: unknown): void {
  if (path === undefined) return;
  if (typeof path !== 'string')
    throw new InvalidPathError('path', `its path must be a string, got ${shown(path)}`);
  const problem = problemWith(path);
  if (problem) throw new InvalidPathError('path', `its path ${shown(path)} ${problem}`);
}

/** A path as routing names it: a number before the first slash is a port. */
function keyOf(gateway: string): string {
  const [, port = '', path = ''] = /^(\d*(?=\/|$))?(.*)$/s.exec(gateway) ?? [];
  const problem = gateway === '' ? "is empty: the root is '/'" : problemWith(path);
  if (problem) throw invalidGateway(`a path such as '/chat' (this one ${problem})`, gateway);
  if (Number(port) > MAX_PORT) throw invalidGateway(`a port of at most ${MAX_PORT} before the path`, gateway);
  return pathKey(path, Number(port));
}

function problemWith(path: string): string | undefined {
  if (!PATH.test(path))
    return "has characters that no URL has in its path: use letters, digits and - . _ ~ / : @ ! $ & ' ( ) * + , ; =, or escapes such as %20";
  if (DOT_SEGMENT.test(path))
    return 'has a . or .. between slashes, which clients resolve before they connect';
  if (path.length > MAX_NAME_BYTES) return `has more than ${MAX_NAME_BYTES} characters`;
  return undefined;
}

function invalidGateway(expected: string, gateway: unknown): InvalidArgumentError {
  return new InvalidArgumentError('gateway', expected, gateway);
}
