import type { Redis } from 'ioredis';
import { hearErrors, ignoreErrors } from './client-socket.js';
import { retryDelay } from './redis-clients.js';
import { explainConnectError } from './explain-connect-error.js';
import type { Failover } from './sentinel-watch.js';
import type { LinkRole, TransportEvents } from '../bus/transport.js';

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
  private retryTimer: NodeJS.Timeout | undefined;
  /** The last socket whose errors are heard. */
  private heard: Redis['stream'] | undefined;
  private ending = false;
  private revived = false;
  /** Where it was sent last by a failover. */
  private sentTo: string | undefined;

  constructor(
    readonly role: LinkRole,
    readonly client: Redis,
    private readonly events: TransportEvents,
    /** Whether sentinels have named another server than this one a moment ago. */
    private readonly isDemoted: (node: string) => boolean,
    /** Asks which Redis process this is before the link counts as up. Left out where nobody needs to know. */
    private readonly identify?: () => Promise<string | undefined>,
  ) {
    client.on('connect', this.onConnect);
    client.on('ready', this.onReady);
    client.on('close', this.onClose);
    client.on('reconnecting', this.onReconnecting);
    client.on('end', this.onEnd);
    client.on('error', this.onError);
    // Only the Buffer form is listened to: ioredis then makes no strings of what arrives.
    client.on('messageBuffer', this.onMessage);
    client.on('smessageBuffer', this.onMessage);
  }

  /** The client had ended, and was connected again. */
  get wasRevived(): boolean {
    return this.revived;
  }

  get isUp(): boolean {
    return this.up && this.client.status === 'ready' && this.client.stream.writable;
  }

  connect(): void {
    // A user's own client may be connected already.
    if (this.client.status === 'ready') {
      this.hear(this.client.stream);
      this.onReady();
    }
    // A first failure rejects although the client goes on trying; `close` and `reconnecting` tell it.
    else if (this.client.status === 'wait') this.client.connect().catch(() => undefined);
  }

  /** Ends the socket at once, whatever its state; the client reconnects. */
  drop(cause: Error): void {
    this.lastError = cause;
    // Until the first attempt there is no stream, whatever the client's types say.
    if (this.client.status !== 'wait') this.client.stream.destroy();
  }

  /** Each sentinel tells of a failover; a link that went where they say, or had to go for it, stays where it is. */
  leave({ from, to }: Failover): void {
    if (!this.up) return;
    const node = nodeOf(this.client.stream);
    // Behind an address translation it is neither of them.
    const leaves = node === from || (node !== to && this.sentTo !== to);
    this.sentTo = to;
    if (leaves) this.drop(new Error(`Sentinel has made ${to} the master`));
  }

  /** The client is about to be closed: from now on it is not connected again. */
  end(): void {
    this.ending = true;
    clearTimeout(this.retryTimer);
  }

  /** No event is told any more, and a client that is not ours is left as it was. */
  detach(): void {
    this.end();
    clearTimeout(this.handshakeTimer);
    this.client.off('connect', this.onConnect);
    this.client.off('ready', this.onReady);
    this.client.off('close', this.onClose);
    this.client.off('reconnecting', this.onReconnecting);
    this.client.off('end', this.onEnd);
    this.client.off('error', this.onError);
    this.client.off('messageBuffer', this.onMessage);
    this.client.off('smessageBuffer', this.onMessage);
    if (this.heard) ignoreErrors(this.heard);
  }

  /** For good, but for the last one of a client that is not ours: a socket that is given up may fail late. */
  private hear(stream: Redis['stream']): void {
    this.heard = stream;
    hearErrors(stream);
  }

  /** ioredis' connectTimeout ends with TCP: a server that accepts and then says nothing would hold the link for ever. */
  private readonly onConnect = (): void => {
    this.hear(this.client.stream);
    this.limitHandshake();
  };

  private readonly onReady = (): void => {
    clearTimeout(this.handshakeTimer);
    if (this.up) return;
    const node = nodeOf(this.client.stream);
    if (this.isDemoted(node))
      return this.drop(new Error(`Sentinel has made another server than ${node} the master`));
    if (!this.identify) return this.opened(node);
    const { stream } = this.client;
    this.limitHandshake();
    void this.identify().then((runId) => {
      // Meanwhile it may have been lost, and another one be there.
      if (this.client.stream !== stream || this.client.status !== 'ready' || this.ending) return;
      clearTimeout(this.handshakeTimer);
      this.opened(runId === undefined ? node : `${node} ${runId}`);
    });
  };

  private limitHandshake(): void {
    const { stream } = this.client;
    clearTimeout(this.handshakeTimer);
    this.handshakeTimer = setTimeout(() => {
      this.lastError = new Error(`the handshake with Redis took longer than ${HANDSHAKE_TIMEOUT_MS} ms`);
      stream.destroy();
    }, HANDSHAKE_TIMEOUT_MS);
  }

  private opened(node: string): void {
    if (this.up) return;
    this.up = true;
    this.attempt = 0;
    this.lastError = undefined;
    this.events.up(this.role, node);
  }

  private readonly onClose = (): void => {
    clearTimeout(this.handshakeTimer);
    if (!this.up) return;
    this.up = false;
    this.events.down(this.role, this.cause());
  };

  private readonly onReconnecting = (delayMs: number): void => {
    this.events.retrying(this.role, ++this.attempt, delayMs, this.cause());
  };

  /**
   * Reconnects a client that has ended for good: because no sentinel named a master, because its owner ended it, or because
   * ioredis' own detector saw a failover while it asked a sentinel.
   */
  private readonly onEnd = (): void => {
    if (this.ending) return;
    this.revived = true;
    const delayMs = retryDelay(++this.attempt);
    this.events.retrying(this.role, this.attempt, delayMs, this.cause());
    this.retryTimer = setTimeout(() => void this.client.connect().catch(() => undefined), delayMs);
  };

  private readonly onError = (error: Error): void => {
    this.lastError = error;
  };

  private readonly onMessage = (channel: Buffer, message: Buffer): void => {
    this.events.message(message, channel);
  };

  private cause(): Error {
    const unknown = 'the connection was closed by Redis or the network';
    return this.lastError ? explainConnectError(this.lastError) : new Error(unknown);
  }
}

function nodeOf({ remoteAddress, remotePort }: Redis['stream']): string {
  return [remoteAddress, remotePort].join(':');
}
