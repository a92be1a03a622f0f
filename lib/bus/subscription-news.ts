/** Channels whose deafness began within this time share a report, so that no report is much too wide. */
const SAME_START_MS = 1000;

/** Reports about subscriptions. Each one names all channels concerned. */
export interface SubscriptionEvents {
  /** The set of refused channels has changed. */
  refusedChanged(): void;
  /** Redis has newly refused these channels. */
  denied(channels: readonly string[], cause: Error): void;
  /** Redis does not let this server unsubscribe these channels. Called once until it does. */
  leaveDenied(channels: readonly string[], cause: Error): void;
  /** These channels were refused and are subscribed now. @param deafSince when the first of them was last heard, or first wanted */
  granted(channels: readonly string[], deafSince: number): void;
  /** These subscriptions were lost without an UNSUBSCRIBE of this server, and are restored. @param deafSince when the first of them last provably worked */
  repaired(channels: readonly string[], deafSince: number): void;
}

interface ChannelEvent {
  readonly channel: string;
  readonly deafSince: number;
}

/** Groups events of single channels, so that thousands of channels cause a few reports. */
export class SubscriptionNews {
  private readonly denied: string[] = [];
  private denial: Error | undefined;
  private readonly granted: ChannelEvent[] = [];
  private readonly repaired: ChannelEvent[] = [];
  private hasChanged = false;
  private waitingSince = 0;

  constructor(
    private readonly events: SubscriptionEvents,
    private readonly now: () => number,
  ) {}

  /** How long the oldest event has waited, in milliseconds. */
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

  /** Calls `refusedChanged` before the callers of `want` continue, and once for all replies that were read together. */
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

  report(): void {
    const denied = this.denied.splice(0);
    const { denial } = this;
    this.denial = undefined;
    if (denial) this.events.denied(denied, denial);
    reportTogether(this.granted.splice(0), (channels, since) => this.events.granted(channels, since));
    reportTogether(this.repaired.splice(0), (channels, since) => this.events.repaired(channels, since));
  }
}

function reportTogether(
  events: readonly ChannelEvent[],
  report: (channels: readonly string[], deafSince: number) => void,
): void {
  const sorted = events.toSorted((a, b) => a.deafSince - b.deafSince);
  while (sorted.length > 0) {
    const since = sorted[0]?.deafSince ?? 0;
    const later = sorted.findIndex(({ deafSince }) => deafSince > since + SAME_START_MS);
    const together = sorted.splice(0, later < 0 ? sorted.length : later);
    report(
      together.map(({ channel }) => channel),
      since,
    );
  }
}
