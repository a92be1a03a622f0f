/** The scheme and the authority of a target in absolute form (RFC 9112, section 3.2.2), such as a proxy sends. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]+/i;
const ESCAPE = /%([0-9a-f]{2})/gi;
/** Characters that mean the same escaped or not (RFC 3986, section 2.3). */
const UNRESERVED = /^[\w.~-]$/;

/**
 * The path of a request target, for comparison: without scheme, host, query and trailing slashes. Never throws: what is
 * no target has a path that no gateway has.
 */
export function requestPath(target = '/'): string {
  const local = target.startsWith('/') ? target : target.replace(ORIGIN, '');
  const query = local.indexOf('?');
  return comparablePath(query < 0 ? local : local.slice(0, query));
}

/** A path in the one form that all its spellings share (RFC 3986, section 6.2.2). Case and `//` stay: they are other paths. */
export function comparablePath(path: string): string {
  const trimmed = path.replace(/(?<!\/)\/+$/, '');
  const plain = trimmed.includes('%') ? trimmed.replace(ESCAPE, plainIfUnreserved) : trimmed;
  return plain || '/';
}

function plainIfUnreserved(escape: string, hex: string): string {
  const character = String.fromCharCode(parseInt(hex, 16));
  return UNRESERVED.test(character) ? character : escape.toUpperCase();
}
