import { type Clock, systemClock } from './clock.js';
import { MemoryTransport } from './memory-transport.js';

/** A message on its way to one of the servers. */
export interface MemoryMessage {
  readonly from: MemoryTransport;
  readonly to: MemoryTransport;
  readonly channel: string;
  readonly bytes: Buffer;
}

/**
 * Stands in for Redis between servers of one process: for development, for users' tests, and for tests that need an outage
 * at a certain moment. By default it loses nothing and delivers in the next turn of the event loop.
 */
export class MemoryNetwork {
  private static readonly named = new Map<string, MemoryNetwork>();

  private readonly open = new Set<MemoryTransport>();
  private islands: readonly ReadonlySet<MemoryTransport>[] = [];

  /** How long every message travels, in milliseconds. 0: until the next turn of the loop. */
  delayMs = 0;
  /** Whether this message gets lost. */
  drops: (message: MemoryMessage) => boolean = () => false;

  constructor(private readonly clock: Pick<Clock, 'after'> = systemClock) {}

  /** The network that all `memory:<name>` of this process share. It is forgotten with its last server. */
  static get(name: string): MemoryNetwork {
    const network = MemoryNetwork.named.get(name) ?? new MemoryNetwork();
    MemoryNetwork.named.set(name, network);
    return network;
  }

  /** The way of one server to the others. */
  transport(): MemoryTransport {
    return new MemoryTransport(this);
  }

  /** From now on each group hears only itself, as if it had a Redis of its own. Transports in no group hear everyone. */
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

  /** Later, as through a real Redis: nobody may come to rely on hearing a message before publish returns. */
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
