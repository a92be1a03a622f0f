import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { roamingConnectionId } from '../protocol/connection-id.js';

/*
 * A token, before base64url:
 *
 *   16 bytes  random
 *    6 bytes  expiry time, in milliseconds since 1970
 *   16 bytes  the first half of an HMAC-SHA-256 over the preceding bytes, the path and the user
 *
 * The connection's id is a hash of the random bytes, so it does not reveal the token.
 */
const RANDOM_BYTES = 16;
const SIGNED_BYTES = RANDOM_BYTES + 6;
const MAC_BYTES = 16;
/** Each base64url character holds 6 bits, so an id has 132 bits of the hash. */
const ID_CHARACTERS = 22;

/** The result of a negotiation. */
export interface Negotiated {
  readonly connectionId: string;
  /** The secret with which the client connects. */
  readonly token: string;
}

/** The content of a token whose signature is valid. */
export interface ReadToken {
  readonly connectionId: string;
  readonly expiresAt: number;
}

/**
 * Creates and checks the tokens that clients connect with after the negotiation. A token contains everything that a server
 * needs. So a client may negotiate with one server and connect to another, and a negotiation takes no memory.
 */
export class ConnectionTokens {
  private readonly key: Buffer;
  /** The expiry times of the tokens that were used on this server, by connection id, in order of use. */
  private readonly used = new Map<string, number>();

  constructor(
    secret: string,
    private readonly lifetimeMs: number,
    /** The time in milliseconds since 1970. */
    private readonly now: () => number,
  ) {
    this.key = createHash('sha256').update(`nestjs-redis-backplane signalr ${secret}`).digest();
  }

  create(path: string, userId: string | undefined): Negotiated {
    const signed = Buffer.alloc(SIGNED_BYTES);
    randomBytes(RANDOM_BYTES).copy(signed);
    signed.writeUIntBE(this.now() + this.lifetimeMs, RANDOM_BYTES, 6);
    const token = Buffer.concat([signed, this.macOf(signed, path, userId)]);
    return { connectionId: idOf(signed), token: token.toString('base64url') };
  }

  /** Verifies a token. Returns `undefined` if it is forged, or belongs to another path or user. */
  read(token: string, path: string, userId: string | undefined): ReadToken | undefined {
    const bytes = bytesOf(token);
    if (!bytes) return undefined;
    const signed = bytes.subarray(0, SIGNED_BYTES);
    if (!timingSafeEqual(bytes.subarray(SIGNED_BYTES), this.macOf(signed, path, userId))) return undefined;
    return { connectionId: idOf(signed), expiresAt: signed.readUIntBE(RANDOM_BYTES, 6) };
  }

  /**
   * Marks a token as used.
   *
   * @returns false if it has expired or has already been used on this server
   */
  use({ connectionId, expiresAt }: ReadToken): boolean {
    this.forgetExpired();
    if (expiresAt <= this.now() || this.used.has(connectionId)) return false;
    // Without a secret, clients can forge tokens that never expire, and those must not stay in memory.
    this.used.set(connectionId, Math.min(expiresAt, this.now() + this.lifetimeMs));
    return true;
  }

  private macOf(signed: Buffer, path: string, userId: string | undefined): Buffer {
    const mac = createHmac('sha256', this.key).update(signed);
    return mac
      .update(JSON.stringify([path, userId]))
      .digest()
      .subarray(0, MAC_BYTES);
  }

  private forgetExpired(): void {
    for (const [id, expiresAt] of this.used) {
      if (expiresAt > this.now()) return;
      this.used.delete(id);
    }
  }
}

/** The connection id of a token, without checking its signature; `undefined` if the text is not a token. */
export function connectionIdOf(token: string): string | undefined {
  const bytes = bytesOf(token);
  return bytes && idOf(bytes);
}

function bytesOf(token: string): Buffer | undefined {
  const bytes = Buffer.from(token, 'base64url');
  const isToken = bytes.length === SIGNED_BYTES + MAC_BYTES && bytes.toString('base64url') === token;
  return isToken ? bytes : undefined;
}

function idOf(signed: Buffer): string {
  const hash = createHash('sha256').update(signed.subarray(0, RANDOM_BYTES)).digest('base64url');
  return roamingConnectionId(hash.slice(0, ID_CHARACTERS));
}
