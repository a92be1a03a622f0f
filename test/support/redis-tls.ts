import { type RedisServer, startRedis } from './redis-server.js';
import type { Certificate, CertificateAuthority } from './tls-certificates.js';

/** The TLS port of a server with `tlsOptions`. Its plain port is for the test's own commands. */
export function tlsPortOf({ port }: { readonly port: number }): number {
  return port + 1;
}

/** Arguments of CONFIG SET that switch a server with `tlsOptions` to its spare certificate. */
export const SPARE = ['tls-cert-file', 'spare.pem', 'tls-key-file', 'spare.key'] as const;

/** Options for a server that uses this certificate and has a spare one on disk. */
export function tlsOptions(
  authority: CertificateAuthority,
  certificate: Certificate,
  spare = certificate,
): { readonly files: Readonly<Record<string, string>>; readonly args: (port: number) => string[] } {
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
  return { files, args: (port) => ['--tls-port', `${port + 1}`, ...settings] };
}

export function startTlsRedis(...certificates: Parameters<typeof tlsOptions>): Promise<RedisServer> {
  return startRedis(tlsOptions(...certificates));
}
