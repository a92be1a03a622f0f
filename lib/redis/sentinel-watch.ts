import { Redis, type RedisOptions } from 'ioredis';
import { DISCONNECT_TIMEOUT_MS, endClient, hearErrors } from './client-socket.js';
import { RedisConnectError } from '../bus/transport.js';
import { explainConnectError } from './explain-connect-error.js';

const SWITCH = '+switch-master';
const CONNECT_TIMEOUT_MS = 1000;
const RETRY_MS = 1000;
/** Sentinels tell each other every two seconds: after this time none of them names the master before any more. */
const STALE_MS = 5000;

/** Another server is the master now. Both are written `host:port`, as sentinels name them. */
export interface Failover {
  readonly from: string;
  readonly to: string;
}

export interface SentinelEvents {
  failover(failover: Failover): void;
  /** A sentinel refuses this client, or this client its certificate. Told once, until one is heard. */
  refused(cause: RedisConnectError): void;
}

/**
 * Listens to the sentinels for failovers of one master. ioredis' own detector leaves the server at a failover of any
 * master that they watch, and once for each sentinel that tells, so also the server that has just been promoted.
 */
export class SentinelWatch {
  private readonly clients: Redis[];
  private readonly toldRefusals = new Set<string>();
  private latest: (Failover & { readonly at: number }) | undefined;

  constructor(
    private readonly options: RedisOptions,
    private readonly events: SentinelEvents,
  ) {
    this.clients = (options.sentinels ?? []).map(({ host, port }) => this.listenTo(host, port));
  }

  /** A sentinel that has not heard of the failover yet has named the master before. */
  isDemoted(node: string): boolean {
    return this.latest?.from === node && performance.now() - this.latest.at < STALE_MS;
  }

  close(): void {
    for (const client of this.clients) endClient(client);
  }

  private listenTo(host = '127.0.0.1', port = 26_379): Redis {
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
    client.on('connect', () => hearErrors(client.stream));
    client.on('error', (error) => this.tellRefusal(error, `${host}:${port}`));
    client.on('ready', () => void this.subscribe(client, `${host}:${port}`));
    client.on('message', (_channel, message: string) => this.read(message));
    return client;
  }

  private async subscribe(client: Redis, sentinel: string): Promise<void> {
    try {
      await client.subscribe(SWITCH);
      this.toldRefusals.clear();
    } catch (error) {
      if (error instanceof Error) this.tellRefusal(error, sentinel);
      // The permission may be granted later. A watch that has lost its connection reconnects anyway.
      if (client.status === 'ready') client.disconnect(true);
    }
  }

  /** The links tell that no sentinel can be reached, but not why: ioredis keeps that to itself. */
  private tellRefusal(error: Error, sentinel: string): void {
    const explained = explainConnectError(error);
    if (!(explained instanceof RedisConnectError) || this.toldRefusals.has(explained.message)) return;
    this.toldRefusals.add(explained.message);
    this.events.refused(
      new RedisConnectError(`sentinel ${sentinel}: ${explained.message}`, { cause: error }),
    );
  }

  /** `<master> <old host> <old port> <new host> <new port>` */
  private read(message: string): void {
    const [name, oldHost = '', oldPort = '', newHost = '', newPort = ''] = message.split(' ');
    if (name !== this.options.name) return;
    const failover = { from: `${oldHost}:${oldPort}`, to: `${newHost}:${newPort}` };
    this.latest = { ...failover, at: performance.now() };
    this.events.failover(failover);
  }
}
