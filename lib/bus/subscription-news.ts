/** Channels whose deafness began within this time share a report, so that none is reported much too wide. */
const SAME_START_MS = 1000;

/** What there is to tell about subscriptions. Each names all channels that it concerns. */
export interface SubscriptionEvents {
  /** The refused channels are others, or more, or fewer, than before. */
  refusedChanged(): void;
  /** Redis refuses these channels, which it did not refuse before. */
  denied(channels: readonly string[], cause: Error): void;
  /** Redis does not let this server unsubscribe these channels. Told once, until it does. */
  leaveDenied(channels: readonly string[], cause: Error): void;
  /** These channels were refused, and are subscribed now. @param deafSince when the first of them was last heard, or first wanted */
  granted(channels: readonly string[], deafSince: number): void;
  /** These subscriptions were gone although nobody had taken them back, and are there again. @param deafSince when the first of them was last proved */
  repaired(channels: readonly string[], deafSince: number): void;
}

interface Hearing {
  readonly channel: string;
  readonly deafSince: number;
}

/** Collects what happens to single channels, so that thousands of them make a few reports. */
export class SubscriptionNews {
  private readonly denied: string[] = [];
  private denial: Error | undefined;
  private readonly granted: Hearing[] = [];
  private readonly repaired: Hearing[] = [];
  private hasChanged = false;
  private waitingSince = 0;

  constructor(
    private readonly events: SubscriptionEvents,
    private readonly now: () => number,
  ) {}

  /** For how long the oldest of it has waited. */
  get waitingMs(): number {
    return this.isEmpty ? 0 : this.now() - this.waitingSince;
  }

  get isEmpty(): boolean {
    return this.denied.length + this.granted.length + this.repaired.length === 0;
  }

  addDenied(channel: string, cause: Error): void {
    this.begin();
    this.denial ??= cause;
    this.denied.push(channel);
    this.changed();
  }

  addGranted(channel: string, deafSince: number): void {
    this.begin();
    this.granted.push({ channel, deafSince });
    this.changed();
  }

  addRepaired(channel: string, deafSince: number): void {
    this.begin();
    this.repaired.push({ channel, deafSince });
  }

  /** Told before anybody who waits for a subscription can go on, and once for all replies that were read together. */
  changed(): void {
    if (this.hasChanged) return;
    this.hasChanged = true;
    queueMicrotask(() => {
      this.hasChanged = false;
      this.events.refusedChanged();
    });
  }

  private begin(): void {
    if (this.isEmpty) this.waitingSince = this.now();
  }

  tell(): void {
    const denied = this.denied.splice(0);
    const { denial } = this;
    this.denial = undefined;
    if (denial) this.events.denied(denied, denial);
    tellEach(this.granted.splice(0), (channels, since) => this.events.granted(channels, since));
    tellEach(this.repaired.splice(0), (channels, since) => this.events.repaired(channels, since));
  }
}

function tellEach(
  heard: readonly Hearing[],
  tell: (channels: readonly string[], deafSince: number) => void,
): void {
  const sorted = heard.toSorted((a, b) => a.deafSince - b.deafSince);
  while (sorted.length > 0) {
    const since = sorted[0]?.deafSince ?? 0;
    const later = sorted.findIndex(({ deafSince }) => deafSince > since + SAME_START_MS);
    const together = sorted.splice(0, later < 0 ? sorted.length : later);
    tell(
      together.map(({ channel }) => channel),
      since,
    );
  }
}
