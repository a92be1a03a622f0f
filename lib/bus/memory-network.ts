import { type Clock, systemClock } from './clock.js';
import { type MemoryCarrier, MemoryTransport } from './memory-transport.js';

/** A message on its way to one of the servers. */
export interface MemoryMessage {
  readonly from: MemoryTransport;
  readonly to: MemoryTransport;
  readonly channel: string;
  readonly bytes: Buffer;
}

/**
 * Replaces Redis between servers in one process: for development, for users' tests, and for tests that need an outage at
 * an exact moment. By default it drops nothing and delivers in the next turn of the event loop.
 */
export class MemoryNetwork implements MemoryCarrier {
  private static readonly named = new Map<string, MemoryNetwork>();

  private readonly open = new Set<MemoryTransport>();
  private islands: readonly ReadonlySet<MemoryTransport>[] = [];

  /** The latency of every message, in milliseconds. 0 delivers in the next turn of the event loop. */
  delayMs = 0;
  /** Decides whether a message is dropped. */
  drops: (message: MemoryMessage) => boolean = () => false;

  constructor(private readonly clock: Pick<Clock, 'after'> = systemClock) {}

  /** The network that all servers with `memory:<name>` in this process share. Removed when its last server closes. */
  static get(name: string): MemoryNetwork {
    const network = MemoryNetwork.named.get(name) ?? new MemoryNetwork();
    MemoryNetwork.named.set(name, network);
    return network;
  }

  /** Creates the transport for one server. */
  transport(): MemoryTransport {
    return new MemoryTransport(this);
  }

  /** Partitions the network: each island hears only itself, as if it had its own Redis. Transports on no island hear each other. */
  partition(...islands: readonly (readonly MemoryTransport[])[]): void {
    this.islands = islands.map((island) => new Set(island));
  }

  /** Ends the partition. */
  heal(): void {
    this.islands = [];
  }

  join(transport: MemoryTransport): void {
    this.open.add(transport);
  }

  leave(transport: MemoryTransport): void {
    this.open.delete(transport);
    if (this.open.size > 0) return;
    for (const [name, network] of MemoryNetwork.named) if (network === this) MemoryNetwork.named.delete(name);
  }

  /** Delivers asynchronously, as Redis does, so that no code can rely on a delivery before `publish` returns. */
  async carry(from: MemoryTransport, channel: string, bytes: Buffer): Promise<void> {
    const arrival = new Promise<void>((resolve) => {
      if (this.delayMs > 0) this.clock.after(this.delayMs, resolve);
      else setImmediate(resolve);
    });
    await arrival;
    for (const to of this.open)
      if (this.connects(from, to) && !this.drops({ from, to, channel, bytes })) to.deliver(channel, bytes);
  }

  private connects(from: MemoryTransport, to: MemoryTransport): boolean {
    return this.islands.every((island) => island.has(from) === island.has(to));
  }
}
