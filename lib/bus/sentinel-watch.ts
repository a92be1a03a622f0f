import { Redis, type RedisOptions } from 'ioredis';
import { endClient, hearErrors } from './client-socket.js';

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

/**
 * Listens to the sentinels for failovers of one master. ioredis' own detector leaves the server at a failover of any
 * master that they watch, and once for each sentinel that tells, so also the server that has just been promoted.
 */
export class SentinelWatch {
  private readonly clients: Redis[];
  private latest: (Failover & { readonly at: number }) | undefined;

  constructor(
    private readonly options: RedisOptions,
    private readonly onFailover: (failover: Failover) => void,
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

  private listenTo(host: string | undefined, port: number | undefined): Redis {
    const { sentinelUsername, sentinelPassword, sentinelTLS, family, protocol } = this.options;
    const client = new Redis({
      host: host ?? '127.0.0.1',
      port: port ?? 26_379,
      ...(family !== undefined && { family }),
      ...(protocol !== undefined && { protocol }),
      ...(sentinelUsername && { username: sentinelUsername }),
      ...(sentinelPassword && { password: sentinelPassword }),
      ...(sentinelTLS && { tls: sentinelTLS }),
      connectTimeout: CONNECT_TIMEOUT_MS,
      keepAlive: 15_000,
      enableReadyCheck: false,
      autoResubscribe: false,
      retryStrategy: () => RETRY_MS,
    });
    client.on('connect', () => hearErrors(client.stream));
    // The links tell of sentinels that cannot be reached.
    client.on('error', () => undefined);
    client.on('ready', () => void client.subscribe(SWITCH).catch(() => undefined));
    client.on('message', (_channel, message: string) => this.read(message));
    return client;
  }

  /** `<master> <old host> <old port> <new host> <new port>` */
  private read(message: string): void {
    const [name, oldHost = '', oldPort = '', newHost = '', newPort = ''] = message.split(' ');
    if (name !== this.options.name) return;
    const failover = { from: `${oldHost}:${oldPort}`, to: `${newHost}:${newPort}` };
    this.latest = { ...failover, at: performance.now() };
    this.onFailover(failover);
  }
}
