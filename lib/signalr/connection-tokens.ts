import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { roamingConnectionId } from '../protocol/connection-id.js';

/*
 * A token, before base64url:
 *
 *   16 bytes  random
 *    6 bytes  when it expires, in milliseconds since 1970
 *   16 bytes  the start of an HMAC-SHA-256 over the bytes before, the path and the user
 *
 * The connection's id is a hash of the random bytes, so it does not reveal the token.
 */
const RANDOM_BYTES = 16;
const SIGNED_BYTES = RANDOM_BYTES + 6;
const MAC_BYTES = 16;
/** 132 bits of the hash. */
const ID_CHARACTERS = 22;

/** What a client gets when it negotiates. */
export interface Negotiated {
  readonly connectionId: string;
  /** The secret with which the client connects. */
  readonly token: string;
}

/** What a genuine token says. */
export interface ReadToken {
  readonly connectionId: string;
  readonly expiresAt: number;
}

/**
 * Makes and checks the tokens with which clients connect after they have negotiated. A token contains all that a server
 * needs, so the client may connect to another server than the one that it negotiated with, and negotiations use no memory.
 */
export class ConnectionTokens {
  private readonly key: Buffer;
  /** The ids whose tokens were used on this server, with the time at which they expire. In the order of their use. */
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

  /** What a token says; `undefined` if it is forged, or belongs to another path or user. */
  read(token: string, path: string, userId: string | undefined): ReadToken | undefined {
    const bytes = bytesOf(token);
    if (!bytes) return undefined;
    const signed = bytes.subarray(0, SIGNED_BYTES);
    if (!timingSafeEqual(bytes.subarray(SIGNED_BYTES), this.macOf(signed, path, userId))) return undefined;
    return { connectionId: idOf(signed), expiresAt: signed.readUIntBE(RANDOM_BYTES, 6) };
  }

  /**
   * Uses a token up.
   *
   * @returns false if it has expired, or was used on this server before
   */
  use({ connectionId, expiresAt }: ReadToken): boolean {
    this.forgetExpired();
    if (expiresAt <= this.now() || this.used.has(connectionId)) return false;
    // A token without a secret may say any time.
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

/** The id that a token stands for, genuine or not; `undefined` if it is no token. */
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
