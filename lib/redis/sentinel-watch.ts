import { Redis, type RedisOptions } from 'ioredis';
import { absorbErrors, DISCONNECT_TIMEOUT_MS, endClient } from './client-socket.js';
import { RedisConnectError } from '../bus/transport.js';
import { explainConnectError } from './explain-connect-error.js';

const SWITCH = '+switch-master';
const CONNECT_TIMEOUT_MS = 1000;
const RETRY_MS = 1000;
/** Sentinels update each other every two seconds, so after this time none of them names the old master any more. */
const STALE_MS = 5000;

/** A change of master. Both nodes are written `host:port`, as sentinels name them. */
export interface Failover {
  readonly from: string;
  readonly to: string;
}

export interface SentinelEvents {
  failover(failover: Failover): void;
  /** A sentinel refuses this client, or this client its certificate. Reported once until a subscription succeeds. */
  refused(cause: RedisConnectError): void;
}

/**
 * Subscribes to failovers of one master on every sentinel. It replaces the failover detector of ioredis, which
 * disconnects on a failover of any master that the sentinels watch, and again for every sentinel that reports it, so
 * also from the newly promoted master.
 */
export class SentinelWatch {
  private readonly clients: Redis[];
  private readonly reportedRefusals = new Set<string>();
  private latest: (Failover & { readonly at: number }) | undefined;

  constructor(
    private readonly options: RedisOptions,
    private readonly events: SentinelEvents,
  ) {
    this.clients = (options.sentinels ?? []).map(({ host, port }) => this.connectTo(host, port));
  }

  /**
   * Whether a failover demoted this node in the last five seconds. A sentinel that has not learned of it yet may still
   * name the node as the master.
   */
  isDemoted(node: string): boolean {
    return this.latest?.from === node && performance.now() - this.latest.at < STALE_MS;
  }

  close(): void {
    for (const client of this.clients) endClient(client);
  }

  private connectTo(host = '127.0.0.1', port = 26_379): Redis {
    const { sentinelUsername, sentinelPassword, sentinelTLS, family, protocol } = this.options;
    const client = new Redis({
      host,
      port,
      ...(family !== undefined && { family }),
      ...(protocol !== undefined && { protocol }),
      ...(sentinelUsername && { username: sentinelUsername }),
      ...(sentinelPassword && { password: sentinelPassword }),
      ...(sentinelTLS && { tls: sentinelTLS }),
      connectTimeout: CONNECT_TIMEOUT_MS,
      disconnectTimeout: DISCONNECT_TIMEOUT_MS,
      keepAlive: 15_000,
      enableReadyCheck: false,
      autoResubscribe: false,
      retryStrategy: () => RETRY_MS,
    });
    client.on('connect', () => absorbErrors(client.stream));
    client.on('error', (error) => this.reportRefusal(error, `${host}:${port}`));
    client.on('ready', () => void this.subscribe(client, `${host}:${port}`));
    client.on('message', (_channel, message: string) => this.read(message));
    return client;
  }

  private async subscribe(client: Redis, sentinel: string): Promise<void> {
    try {
      await client.subscribe(SWITCH);
      this.reportedRefusals.clear();
    } catch (error) {
      if (error instanceof Error) this.reportRefusal(error, sentinel);
      // Reconnects, because the permission may be granted later. A lost connection reconnects by itself.
      if (client.status === 'ready') client.disconnect(true);
    }
  }

  /** Reports why a sentinel cannot be used. The links report only that no sentinel is reachable, because ioredis hides why. */
  private reportRefusal(error: Error, sentinel: string): void {
    const explained = explainConnectError(error);
    if (!(explained instanceof RedisConnectError) || this.reportedRefusals.has(explained.message)) return;
    this.reportedRefusals.add(explained.message);
    this.events.refused(
      new RedisConnectError(`sentinel ${sentinel}: ${explained.message}`, { cause: error }),
    );
  }

  /** @param message `<master> <old host> <old port> <new host> <new port>` */
  private read(message: string): void {
    const [name, oldHost = '', oldPort = '', newHost = '', newPort = ''] = message.split(' ');
    if (name !== this.options.name) return;
    const failover = { from: `${oldHost}:${oldPort}`, to: `${newHost}:${newPort}` };
    this.latest = { ...failover, at: performance.now() };
    this.events.failover(failover);
  }
}
