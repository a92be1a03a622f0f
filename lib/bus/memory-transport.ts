import { PublishRefusedError, type Transport, type TransportEvents } from './transport.js';

/** The servers of this process by the name in `memory:<name>`; a hub goes with its last server. */
const hubs = new Map<string, Set<MemoryTransport>>();

/**
 * Carries bytes between the servers of one process that share a name: for development without a Redis
 * and for users' tests.
 */
export class MemoryTransport implements Transport {
  private readonly subscribed = new Set<string>();
  private events: TransportEvents | undefined;

  constructor(private readonly name: string) {}

  open(events: TransportEvents): Promise<void> {
    const hub = hubs.get(this.name) ?? new Set();
    hubs.set(this.name, hub.add(this));
    setImmediate(() => {
      if (!hubs.get(this.name)?.has(this)) return;
      this.events = events;
      events.up('subscriber');
      events.up('publisher');
    });
    return Promise.resolve();
  }

  async publish(channel: string, bytes: Buffer): Promise<void> {
    if (!this.events) throw new PublishRefusedError('the in-memory bus is not open');
    // Later, as through a real Redis: nobody may come to rely on hearing a message before publish returns.
    await new Promise((resolve) => setImmediate(resolve));
    for (const transport of hubs.get(this.name) ?? []) transport.deliver(channel, bytes);
  }

  subscribe(channels: readonly string[]): Promise<void> {
    for (const channel of channels) this.subscribed.add(channel);
    return Promise.resolve();
  }

  unsubscribe(channels: readonly string[]): Promise<void> {
    for (const channel of channels) this.subscribed.delete(channel);
    return Promise.resolve();
  }

  reset(cause: Error): void {
    this.events?.down('subscriber', cause);
    this.events?.down('publisher', cause);
    this.subscribed.clear();
    this.events?.up('subscriber');
    this.events?.up('publisher');
  }

  close(): Promise<void> {
    const hub = hubs.get(this.name);
    hub?.delete(this);
    if (hub?.size === 0) hubs.delete(this.name);
    this.events = undefined;
    return Promise.resolve();
  }

  private deliver(channel: string, bytes: Buffer): void {
    if (this.subscribed.has(channel)) this.events?.message(bytes, Buffer.from(channel));
  }
}
