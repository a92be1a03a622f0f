import type { Type } from '@nestjs/common';
import { MAX_NAME_BYTES, pathKey } from '../protocol/channel-names.js';
import { InvalidArgumentError, shown } from '../protocol/invalid-argument.error.js';
import { InvalidPathError, NotAGatewayError } from './broadcast.errors.js';
import { gatewayMetadata, type GatewayOptions, isGateway } from './gateway-metadata.js';

const MAX_PORT = 65_535;

/**
 * Returns the path of a gateway, as `pathKey` formats it.
 *
 * @throws NotAGatewayError, InvalidArgumentError, InvalidPathError
 */
export function gatewayPath(gateway: Type | string): string {
  if (typeof gateway === 'string') return keyOf(gateway);
  // Often `undefined` because of a circular import.
  if (typeof gateway !== 'function')
    throw invalidGateway("a gateway's class, or its path such as '/chat'", gateway);
  const { name } = gateway;
  if (!isGateway(gateway)) throw new NotAGatewayError(name);
  const { options, port } = gatewayMetadata(gateway);
  return pathKey(checkedPath(name, options), port);
}

/** Characters that a URL path may contain unescaped, and percent escapes (RFC 3986, section 3.3). */
const PATH = /^(?:[\w\-.~!$&'()*+,;=:@/]|%[\da-f]{2})*$/i;
/** Clients resolve `.` and `..` segments before they send the request, so such a path is never requested. */
const DOT_SEGMENT = /(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i;

/**
 * Returns the path in a gateway's options. A client must be able to request it exactly as written.
 *
 * @param gateway the name of the class, for the error
 * @throws InvalidPathError
 */
export function checkedPath(gateway: string, options: GatewayOptions): string | undefined {
  const given: unknown = options;
  if (typeof given !== 'object' || Array.isArray(given))
    throw new InvalidPathError(
      gateway,
      'options',
      'its options are a string or an array instead of an object',
    );
  checkNamespace(gateway, options);
  const { path } = options;
  if (path === undefined) return undefined;
  if (typeof path !== 'string')
    throw new InvalidPathError(gateway, 'path', `its path must be a string, got ${shown(path)}`);
  const problem = problemWith(path);
  if (problem) throw new InvalidPathError(gateway, 'path', `its path ${shown(path)} ${problem}`);
  return path;
}

/** Socket.IO's namespaces are paths here. An empty one, like none at all, is Socket.IO's default namespace. */
function checkNamespace(gateway: string, { namespace }: GatewayOptions): void {
  if (!namespace) return;
  const problem = 'it has a namespace, which only Socket.IO supports';
  if (typeof namespace !== 'string')
    throw new InvalidPathError(gateway, 'namespace', `${problem}; a pattern needs a gateway for each path`);
  if (namespace === '/')
    throw new InvalidPathError(gateway, 'namespace', `${problem}; remove it, because '/' is the default`);
  const path = namespace.startsWith('/') ? namespace : `/${namespace}`;
  throw new InvalidPathError(gateway, 'namespace', problem, problemWith(path) ? undefined : path);
}

/** Converts a path given as a string. A number before the first slash is a port. */
function keyOf(gateway: string): string {
  const [, port = '', path = ''] = /^(\d*(?=\/|$))?(.*)$/s.exec(gateway) ?? [];
  const problem = gateway === '' ? "is empty; the root is '/'" : problemWith(path);
  if (problem) throw invalidGateway(`a path such as '/chat' (this path ${problem})`, gateway);
  if (Number(port) > MAX_PORT) throw invalidGateway(`a port of at most ${MAX_PORT} before the path`, gateway);
  return pathKey(path, Number(port));
}

function problemWith(path: string): string | undefined {
  if (!PATH.test(path))
    return "contains characters that a URL path must not contain; use letters, digits and - . _ ~ / : @ ! $ & ' ( ) * + , ; =, or escapes such as %20";
  if (DOT_SEGMENT.test(path)) return 'contains a . or .. segment, which clients resolve before they connect';
  if (path.length > MAX_NAME_BYTES) return `is longer than ${MAX_NAME_BYTES} characters`;
  return undefined;
}

function invalidGateway(expected: string, gateway: unknown): InvalidArgumentError {
  return new InvalidArgumentError('gateway', expected, gateway);
}
