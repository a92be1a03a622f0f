import type { Type } from '@nestjs/common';
import { GATEWAY_METADATA, GATEWAY_OPTIONS, PORT_METADATA } from '@nestjs/websockets/internal';
import { pathKey } from '../protocol/channel-names.js';
import { InvalidPathError, NotAGatewayError } from './broadcast.errors.js';

/**
 * Reads what `@WebSocketGateway()` leaves on a class. Its metadata keys are exported for Nest's own packages
 * only; a contract test holds them.
 *
 * @throws NotAGatewayError, InvalidPathError
 */
export function gatewayPath(gateway: Type | string): string {
  if (typeof gateway === 'string') {
    checkPath(gateway.replace(/^\d+(?=\/)/, ''));
    const [, port, path] = /^(\d*)(.*)$/s.exec(gateway) ?? [];
    return pathKey(path, Number(port));
  }
  if (typeof gateway !== 'function' || !Reflect.getMetadata(GATEWAY_METADATA, gateway))
    throw new NotAGatewayError(nameOf(gateway));
  const options = (Reflect.getMetadata(GATEWAY_OPTIONS, gateway) ?? {}) as { path?: string };
  return pathKey(options.path, (Reflect.getMetadata(PORT_METADATA, gateway) ?? 0) as number);
}

/** What a browser sends in the path of a URL: these characters, and others as `%` with two digits (RFC 3986, section 3.3). */
const PATH = /^(?:[\w\-.~!$&'()*+,;=:@/]|%[\da-f]{2})*$/i;

/**
 * Checks the path of a gateway: what a client cannot ask for as it stands would never be found.
 *
 * @throws InvalidPathError
 */
export function checkPath(path: unknown): void {
  if (path === undefined) return;
  if (typeof path !== 'string')
    throw new InvalidPathError(
      `A gateway's path must be a string, not ${Array.isArray(path) ? 'an array' : 'a pattern or an object'}.`,
    );
  if (!PATH.test(path))
    throw new InvalidPathError(
      `The path ${JSON.stringify(path.slice(0, 100))} has characters that no URL has in its path: encode them, as in "/caf%C3%A9".`,
    );
}

function nameOf(gateway: unknown): string {
  return typeof gateway === 'function' ? gateway.name : String(gateway === null ? null : typeof gateway);
}
