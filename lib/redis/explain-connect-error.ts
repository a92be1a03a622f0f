import { RedisConnectError } from '../bus/transport.js';

const UNTRUSTED =
  "the certificate of Redis is not signed by an authority that is trusted here. Give the authority's own as redis: { tls: { ca } }, or to the process as NODE_EXTRA_CA_CERTS.";

/** What to do, by the code that Node.js gives to the error, or by how the message of Redis or ioredis begins. */
const ADVICE = new Map([
  ['DEPTH_ZERO_SELF_SIGNED_CERT', UNTRUSTED],
  ['SELF_SIGNED_CERT_IN_CHAIN', UNTRUSTED],
  ['UNABLE_TO_GET_ISSUER_CERT', UNTRUSTED],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', UNTRUSTED],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', UNTRUSTED],
  ['CERT_SIGNATURE_FAILURE', UNTRUSTED],
  [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'the certificate of Redis is for other hosts. Connect by a name that it has, or say which one to expect: ?tlsServername= in a URL, sslHost= in a StackExchange string.',
  ],
  ['CERT_HAS_EXPIRED', 'the certificate of Redis has expired. Renew it.'],
  ['CERT_NOT_YET_VALID', 'the certificate of Redis is not valid yet. Compare the clocks.'],
  ['WRONGPASS', 'Redis refuses the user or the password. Check them in the option connection.'],
  ['NOAUTH', 'Redis asks for a password. Give it in the option connection.'],
  [
    'All sentinels are unreachable',
    'no sentinel named a master. Check the hosts of the sentinels and the name of the master.',
  ],
]);

/** Says what to do where that is known; another error is returned as it is. */
export function explainConnectError(error: Error): Error {
  const code = 'code' in error ? String(error.code) : '';
  const [, advice] = [...ADVICE].find(([key]) => key === code || error.message.startsWith(key)) ?? [];
  return advice === undefined
    ? error
    : new RedisConnectError(`${advice} (${error.message})`, { cause: error });
}
