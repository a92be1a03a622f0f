import { RedisConnectError } from '../bus/transport.js';

const UNTRUSTED =
  'Node.js does not trust the authority that signed the certificate of Redis. Pass the certificate of that authority as redis: { tls: { ca } }, or set NODE_EXTRA_CA_CERTS.';

/** Advice by the error code of Node.js, or by the beginning of the message of Redis or ioredis. */
const ADVICE = new Map([
  ['DEPTH_ZERO_SELF_SIGNED_CERT', UNTRUSTED],
  ['SELF_SIGNED_CERT_IN_CHAIN', UNTRUSTED],
  ['UNABLE_TO_GET_ISSUER_CERT', UNTRUSTED],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', UNTRUSTED],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', UNTRUSTED],
  ['CERT_SIGNATURE_FAILURE', UNTRUSTED],
  [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'the certificate of Redis is for other hosts. Connect by a name that it contains, or set the expected name: ?tlsServername= in a URL, sslHost= in a StackExchange string.',
  ],
  ['CERT_HAS_EXPIRED', 'the certificate of Redis has expired. Renew it.'],
  [
    'CERT_NOT_YET_VALID',
    'the certificate of Redis is not valid yet. Check the clocks of this machine and of the authority.',
  ],
  ['WRONGPASS', 'Redis refuses the user or the password. Check them in the option connection.'],
  ['NOAUTH', 'Redis asks for a password. Set it in the option connection.'],
  [
    'All sentinels are unreachable',
    'no sentinel named a master. Check the hosts of the sentinels and the name of the master.',
  ],
]);

/** Returns a RedisConnectError that says what to do if the cause is known, and the error itself otherwise. */
export function explainConnectError(error: Error): Error {
  const code = 'code' in error ? String(error.code) : '';
  const [, advice] = [...ADVICE].find(([key]) => key === code || error.message.startsWith(key)) ?? [];
  return advice === undefined
    ? error
    : new RedisConnectError(`${advice} (${error.message})`, { cause: error });
}
