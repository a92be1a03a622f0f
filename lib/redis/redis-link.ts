import type { Redis } from 'ioredis';
import { absorbErrors, stopAbsorbingErrors } from './client-socket.js';
import { retryDelay } from './redis-clients.js';
import { explainConnectError } from './explain-connect-error.js';
import type { Failover } from './sentinel-watch.js';
import type { LinkRole, TransportEvents } from '../bus/transport.js';

/** How long the Redis handshake may take after the TCP connection is open. */
const HANDSHAKE_TIMEOUT_MS = 1000;

/**
 * Watches one ioredis client and reports when its connection goes up or down, and when it retries. Each `up` is
 * followed by exactly one `down`, unless the link is detached first. The client's `ready` means only that it can send commands; the bus decides whether
 * messages get through.
 */
export class RedisLink {
  private reportedUp = false;
  private lastError: Error | undefined;
  private attempt = 0;
  private handshakeTimer: NodeJS.Timeout | undefined;
  private retryTimer: NodeJS.Timeout | undefined;
  /** The last socket that was passed to `absorbErrors`. */
  private absorbed: Redis['stream'] | undefined;
  private isEnding = false;
  private restarted = false;
  /** The master that the last failover promoted. */
  private lastPromoted: string | undefined;

  constructor(
    readonly role: LinkRole,
    readonly client: Redis,
    private readonly events: TransportEvents,
    /** Whether a failover has demoted this Redis node in the last few seconds. */
    private readonly isDemoted: (node: string) => boolean,
    /** Asks for the id of the Redis process. If present, the link counts as up only after the reply. */
    private readonly identify?: () => Promise<string | undefined>,
  ) {
    client.on('connect', this.onConnect);
    client.on('ready', this.onReady);
    client.on('close', this.onClose);
    client.on('reconnecting', this.onReconnecting);
    client.on('end', this.onEnd);
    client.on('error', this.onError);
    // With listeners for Buffers only, ioredis does not decode messages to strings.
    client.on('messageBuffer', this.onMessage);
    client.on('smessageBuffer', this.onMessage);
  }

  /** Whether the client had ended and this link connected it again. */
  get wasRestarted(): boolean {
    return this.restarted;
  }

  get isUp(): boolean {
    return this.reportedUp && this.client.status === 'ready' && this.client.stream.writable;
  }

  connect(): void {
    // A user's own client may be connected already.
    if (this.client.status === 'ready') {
      this.absorbErrorsOf(this.client.stream);
      this.onReady();
    }
    // The promise rejects at the first failure, but the client keeps trying and emits `close` and `reconnecting`.
    else if (this.client.status === 'wait') this.client.connect().catch(() => undefined);
  }

  /** Destroys the socket at once, in any state. The client then reconnects. */
  drop(cause: Error): void {
    this.lastError = cause;
    // Before the first attempt to connect there is no stream, although the types of ioredis say so.
    if (this.client.status !== 'wait') this.client.stream.destroy();
  }

  /**
   * Drops the link if it leads to the demoted master. Every sentinel reports the same failover, so the link is dropped
   * for the first report only.
   */
  followFailover({ from, to }: Failover): void {
    if (!this.reportedUp) return;
    const node = nodeOf(this.client.stream);
    // Behind address translation (NAT) neither address matches, so the link is dropped once per newly promoted master.
    const isStale = node === from || (node !== to && this.lastPromoted !== to);
    this.lastPromoted = to;
    if (isStale) this.drop(new Error(`Sentinel promoted ${to} to master`));
  }

  /** Stops restarting the client, because it is about to be closed. */
  end(): void {
    this.isEnding = true;
    clearTimeout(this.retryTimer);
  }

  /** Stops reporting events, and removes its listeners, so that a user's client is left as it was. */
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
    if (this.absorbed) stopAbsorbingErrors(this.absorbed);
  }

  /** Keeps the error listener after the socket closes, because a destroyed socket can still emit an error. */
  private absorbErrorsOf(stream: Redis['stream']): void {
    this.absorbed = stream;
    absorbErrors(stream);
  }

  private readonly onConnect = (): void => {
    this.absorbErrorsOf(this.client.stream);
    // The connectTimeout of ioredis covers TCP only: a node that accepts and then stays silent would block the link.
    this.startHandshakeTimer();
  };

  private readonly onReady = (): void => {
    clearTimeout(this.handshakeTimer);
    if (this.reportedUp) return;
    const node = nodeOf(this.client.stream);
    if (this.isDemoted(node)) return this.drop(new Error(`Sentinel has demoted ${node}`));
    if (!this.identify) return this.markUp(node);
    const { stream } = this.client;
    this.startHandshakeTimer();
    void this.identify().then((runId) => {
      // The connection may have been lost, or replaced by a new one, in the meantime.
      if (this.client.stream !== stream || this.client.status !== 'ready' || this.isEnding) return;
      clearTimeout(this.handshakeTimer);
      this.markUp(runId === undefined ? node : `${node} ${runId}`);
    });
  };

  private startHandshakeTimer(): void {
    const { stream } = this.client;
    clearTimeout(this.handshakeTimer);
    this.handshakeTimer = setTimeout(() => {
      this.lastError = new Error(`the handshake with Redis took longer than ${HANDSHAKE_TIMEOUT_MS} ms`);
      stream.destroy();
    }, HANDSHAKE_TIMEOUT_MS);
  }

  private markUp(node: string): void {
    if (this.reportedUp) return;
    this.reportedUp = true;
    this.attempt = 0;
    this.lastError = undefined;
    this.events.up(this.role, node);
  }

  private readonly onClose = (): void => {
    clearTimeout(this.handshakeTimer);
    if (!this.reportedUp) return;
    this.reportedUp = false;
    this.events.down(this.role, this.cause());
  };

  private readonly onReconnecting = (delayMs: number): void => {
    this.events.retrying(this.role, ++this.attempt, delayMs, this.cause());
  };

  /**
   * Reconnects a client that ioredis has ended for good: because no sentinel named a master, because its owner ended it,
   * or because ioredis' own failover detector fired while the client was asking a sentinel.
   */
  private readonly onEnd = (): void => {
    if (this.isEnding) return;
    this.restarted = true;
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
    return this.lastError
      ? explainConnectError(this.lastError)
      : new Error('Redis or the network closed the connection');
  }
}

function nodeOf({ remoteAddress, remotePort }: Redis['stream']): string {
  return [remoteAddress, remotePort].join(':');
}
