import type { Redis } from 'ioredis';
import type { LinkRole, TransportEvents } from './transport.js';

/** How long a server that took the TCP connection may take to answer the handshake. */
const HANDSHAKE_TIMEOUT_MS = 1000;

/**
 * Follows one ioredis client through its life and tells up, down and retrying, each up with one down.
 * The client's `ready` means only that commands can be sent; what that is worth is judged elsewhere.
 */
export class RedisLink {
  private up = false;
  private lastError: Error | undefined;
  private attempt = 0;
  private handshakeTimer: NodeJS.Timeout | undefined;

  constructor(
    readonly role: LinkRole,
    readonly client: Redis,
    private readonly events: TransportEvents,
  ) {
    client.on('connect', this.onConnect);
    client.on('ready', this.onReady);
    client.on('close', this.onClose);
    client.on('reconnecting', this.onReconnecting);
    client.on('error', this.onError);
    // Only the Buffer form is listened to: ioredis then makes no strings of what arrives.
    client.on('messageBuffer', this.onMessage);
  }

  get isUp(): boolean {
    return this.up && this.client.status === 'ready' && this.client.stream.writable;
  }

  connect(): void {
    // A user's own client may be connected already.
    if (this.client.status === 'ready') this.onReady();
    // A first failure rejects although the client goes on trying; `close` and `reconnecting` tell it.
    else if (this.client.status === 'wait') this.client.connect().catch(() => undefined);
  }

  /** Ends the socket at once, whatever its state; the client reconnects. */
  drop(cause: Error): void {
    this.lastError = cause;
    // Until the first attempt there is no stream, whatever the client's types say.
    if (this.client.status !== 'wait') this.client.stream.destroy();
  }

  /** No event is told any more, and a client that is not ours is left as it was. */
  detach(): void {
    clearTimeout(this.handshakeTimer);
    this.client.off('connect', this.onConnect);
    this.client.off('ready', this.onReady);
    this.client.off('close', this.onClose);
    this.client.off('reconnecting', this.onReconnecting);
    this.client.off('error', this.onError);
    this.client.off('messageBuffer', this.onMessage);
  }

  /** ioredis' connectTimeout ends with TCP: a server that accepts and then says nothing would hold the link for ever. */
  private readonly onConnect = (): void => {
    const { stream } = this.client;
    this.handshakeTimer = setTimeout(() => {
      this.lastError = new Error(`the handshake with Redis took longer than ${HANDSHAKE_TIMEOUT_MS} ms`);
      stream.destroy();
    }, HANDSHAKE_TIMEOUT_MS);
  };

  private readonly onReady = (): void => {
    clearTimeout(this.handshakeTimer);
    if (this.up) return;
    this.up = true;
    this.attempt = 0;
    this.lastError = undefined;
    this.events.up(this.role);
  };

  private readonly onClose = (): void => {
    clearTimeout(this.handshakeTimer);
    if (!this.up) return;
    this.up = false;
    this.events.down(this.role, this.cause());
  };

  private readonly onReconnecting = (delayMs: number): void => {
    this.events.retrying(this.role, ++this.attempt, delayMs, this.cause());
  };

  private readonly onError = (error: Error): void => {
    this.lastError = error;
  };

  private readonly onMessage = (_channel: Buffer, message: Buffer): void => {
    this.events.message(message);
  };

  private cause(): Error {
    return this.lastError ?? new Error('the connection was closed by Redis or the network');
  }
}
