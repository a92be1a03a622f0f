import type { SecureVersion } from 'node:tls';
import type { ConnectionDraft } from './connection-draft.js';
import { ConnectionStringError } from './connection-string.error.js';

/** The names that .NET uses for the TLS versions of Node.js, oldest first. */
const VERSIONS: readonly { readonly word: string; readonly version: SecureVersion }[] = [
  { word: 'tls', version: 'TLSv1' },
  { word: 'tls11', version: 'TLSv1.1' },
  { word: 'tls12', version: 'TLSv1.2' },
  { word: 'tls13', version: 'TLSv1.3' },
];

/** Limits the TLS versions, for example to `tls12|tls13`. `none` leaves the choice to Node.js. */
export function limitTlsVersions(draft: ConnectionDraft, value: string, key: string): void {
  if (value.toLowerCase() === 'none') return;
  const words = new Set(value.split('|').map((word) => word.trim().toLowerCase()));
  const allowed = VERSIONS.filter(({ word }) => words.has(word));
  const [first, last] = [allowed[0], allowed.at(-1)];
  const span = first && last ? VERSIONS.indexOf(last) - VERSIONS.indexOf(first) + 1 : 0;
  // Node.js takes a minimum and a maximum version, so a gap between them could not be excluded.
  if (!first || !last || allowed.length !== words.size || span !== allowed.length) {
    throw new ConnectionStringError(
      `"${key}" must be consecutive versions out of tls, tls11, tls12 and tls13, separated by "|".`,
      key,
    );
  }
  draft.tlsOptions.minVersion = first.version;
  draft.tlsOptions.maxVersion = last.version;
}
