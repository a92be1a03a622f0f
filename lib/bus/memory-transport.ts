import { PublishRefusedError, type Transport, type TransportEvents } from './transport.js';

/** Connects the transports of several servers. */
export interface MemoryCarrier {
  join(transport: MemoryTransport): void;
  leave(transport: MemoryTransport): void;
  carry(from: MemoryTransport, channel: string, bytes: Buffer): Promise<void>;
}

/** One server's transport in a `MemoryNetwork`. */
export class MemoryTransport implements Transport {
  private readonly subscribed = new Set<string>();
  private events: TransportEvents | undefined;
  private isUp = false;

  constructor(private readonly network: MemoryCarrier) {}

  open(events: TransportEvents): Promise<void> {
    this.network.join(this);
    this.events = events;
    setImmediate(() => this.restore());
    return Promise.resolve();
  }

  async publish(channel: string, bytes: Buffer): Promise<void> {
    if (!this.isUp) throw new PublishRefusedError('the in-memory bus is not open');
    await this.network.carry(this, channel, bytes);
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
    this.cut(cause);
    this.restore();
  }

  /** Breaks both links; they stay down until `restore`. */
  cut(cause: Error): void {
    if (!this.isUp) return;
    this.isUp = false;
    this.subscribed.clear();
    this.events?.down('subscriber', cause);
    this.events?.down('publisher', cause);
  }

  /** Brings both links up. */
  restore(): void {
    if (this.isUp || !this.events) return;
    this.isUp = true;
    this.events.up('subscriber');
    this.events.up('publisher');
  }

  close(): Promise<void> {
    this.isUp = false;
    this.events = undefined;
    this.network.leave(this);
    return Promise.resolve();
  }

  deliver(channel: string, bytes: Buffer): void {
    if (this.isUp && this.subscribed.has(channel)) this.events?.message(bytes, Buffer.from(channel));
  }
}
