/** The scheme and the authority of a request target in absolute form (RFC 9112, section 3.2.2), which some proxies send. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]+/i;
const ESCAPE = /%([0-9a-f]{2})/gi;
/** Characters that have the same meaning with and without percent-encoding (RFC 3986, section 2.3). */
const UNRESERVED = /^[\w.~-]$/;

/**
 * Returns the path of a request target in comparable form, without scheme, host, query and trailing slashes. Never throws:
 * for an invalid target it returns a path that no gateway has.
 */
export function requestPath(target = '/'): string {
  const local = target.startsWith('/') ? target : target.replace(ORIGIN, '');
  const query = local.indexOf('?');
  return comparablePath(query < 0 ? local : local.slice(0, query));
}

/** Normalizes a path (RFC 3986, section 6.2.2). Keeps case and `//`, because paths that differ in them are different paths. */
export function comparablePath(path: string): string {
  const trimmed = path.replace(/(?<!\/)\/+$/, '');
  const decoded = trimmed.includes('%') ? trimmed.replace(ESCAPE, decodeUnreserved) : trimmed;
  return decoded || '/';
}

function decodeUnreserved(escape: string, hex: string): string {
  const character = String.fromCharCode(parseInt(hex, 16));
  return UNRESERVED.test(character) ? character : escape.toUpperCase();
}
