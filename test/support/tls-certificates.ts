import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

// Certificates are made at runtime, with a few lines of DER, because Node cannot create certificates, openssl may be
// missing, and certificates in the repository would expire.

const OID = {
  ecdsaWithSha256: '06082a8648ce3d040302',
  commonName: '0603550403',
  basicConstraints: '0603551d13',
  subjectAltName: '0603551d11',
} as const;

export interface Certificate {
  /** PEM. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

/** A certificate authority that signs server certificates. */
export class CertificateAuthority {
  /** The CA certificate that clients must trust, as PEM. */
  readonly cert: string;
  private readonly keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  constructor(private readonly name = 'Test authority') {
    this.cert = this.certificate(name, this.keys.publicKey, [
      sequence(hex(OID.basicConstraints), TRUE, octets(sequence(TRUE))),
    ]);
  }

  /** Issues a certificate for host names and IPv4 addresses, valid from an hour ago for this many days. */
  issue(hosts: readonly string[], days = 1): Certificate {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const names = hosts.map((host) =>
      isIPv4(host) ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host)),
    );
    const altNames = sequence(hex(OID.subjectAltName), octets(sequence(...names)));
    return {
      cert: this.certificate('Test server', publicKey, [altNames], days),
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    };
  }

  private certificate(subject: string, key: KeyObject, extensions: readonly Buffer[], days = 1): string {
    const algorithm = sequence(hex(OID.ecdsaWithSha256));
    const now = Date.now();
    const toBeSigned = sequence(
      der(0xa0, der(0x02, Buffer.of(2))), // version 3
      der(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)])),
      algorithm,
      nameOf(this.name),
      sequence(time(now - HOUR_MS), time(now + days * 24 * HOUR_MS)),
      nameOf(subject),
      key.export({ type: 'spki', format: 'der' }),
      der(0xa3, sequence(...extensions)),
    );
    const signature = sign('sha256', toBeSigned, this.keys.privateKey);
    return pem(sequence(toBeSigned, algorithm, der(0x03, Buffer.of(0), signature)));
  }
}

const HOUR_MS = 3_600_000;
const TRUE = der(0x01, Buffer.of(0xff));

function nameOf(commonName: string): Buffer {
  return sequence(der(0x31, sequence(hex(OID.commonName), der(0x0c, Buffer.from(commonName)))));
}

/** GeneralizedTime, in whole seconds. */
function time(at: number): Buffer {
  const digits = new Date(at).toISOString().replace(/\.\d+|\D/g, '');
  return der(0x18, Buffer.from(`${digits}Z`));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts);
}

function octets(content: Buffer): Buffer {
  return der(0x04, content);
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...head), content]);
}

function hex(bytes: string): Buffer {
  return Buffer.from(bytes, 'hex');
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString('base64').replace(/.{64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
