import { type RedisServer, startRedis } from './redis-server.js';
import type { Certificate, CertificateAuthority } from './tls-certificates.js';

/** Where a Redis of `startTlsRedis` speaks TLS: beside its plain port, which is for the test's own commands. */
export function tlsPortOf({ port }: RedisServer): number {
  return port + 1;
}

/** What a Redis of `startTlsRedis` finds `spare` by, to use it from now on. */
export const SPARE = ['tls-cert-file', 'spare.pem', 'tls-key-file', 'spare.key'] as const;

/** A Redis that shows this certificate, and has another one ready. */
export function startTlsRedis(
  authority: CertificateAuthority,
  certificate: Certificate,
  spare = certificate,
): Promise<RedisServer> {
  const files = {
    'ca.pem': authority.cert,
    'redis.pem': certificate.cert,
    'redis.key': certificate.key,
    'spare.pem': spare.cert,
    'spare.key': spare.key,
  };
  const settings = [
    ['--tls-cert-file', 'redis.pem'],
    ['--tls-key-file', 'redis.key'],
    ['--tls-ca-cert-file', 'ca.pem'],
    ['--tls-auth-clients', 'no'],
  ].flat();
  return startRedis({ files, args: (port) => ['--tls-port', `${port + 1}`, ...settings] });
}
