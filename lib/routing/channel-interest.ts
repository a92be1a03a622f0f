import type { Bus } from '../bus/bus.js';
import type { Cancel } from '../bus/clock.js';
import type { ChannelNames } from '../protocol/channel-names.js';
import type { TargetRef } from '../protocol/target.js';

/** What a channel carries: the messages for one target of a path. */
export interface PathTarget {
  readonly path: string;
  readonly target: TargetRef;
}

interface Interest {
  readonly of: PathTarget;
  holders: number;
  cancelLinger: Cancel | undefined;
}

/** Counts the holders of each channel: subscribes with the first one, and unsubscribes some time after the last one left. */
export class ChannelInterest {
  private readonly interests = new Map<string, Interest>();
  private closed = false;

  constructor(
    private readonly bus: Pick<Bus, 'want' | 'unwant' | 'clock'>,
    private readonly channels: ChannelNames,
    /** How long a channel stays subscribed after its last holder left, in milliseconds. */
    private readonly lingerMs: number,
  ) {}

  targetOf(channel: string): PathTarget | undefined {
    return this.interests.get(channel)?.of;
  }

  /**
   * Resolves when the target's channel is subscribed. Holds the channel until `release`, even if this rejects.
   *
   * @throws NotSubscribedError (as a rejection)
   */
  acquire(of: PathTarget): Promise<void> {
    const channel = this.channels.target(of.path, of.target);
    if (this.closed) return this.bus.want(channel);
    const interest = this.interests.get(channel);
    if (interest) {
      interest.holders++;
      interest.cancelLinger?.();
    } else {
      this.interests.set(channel, { of, holders: 1, cancelLinger: undefined });
    }
    return this.bus.want(channel);
  }

  release({ path, target }: PathTarget): void {
    const channel = this.channels.target(path, target);
    const interest = this.interests.get(channel);
    if (!interest || --interest.holders > 0) return;
    interest.cancelLinger = this.bus.clock.after(this.lingerMs, () => {
      this.interests.delete(channel);
      this.bus.unwant(channel);
    });
  }

  /** Stops all timers. After this, no call starts one. */
  close(): void {
    this.closed = true;
    for (const { cancelLinger } of this.interests.values()) cancelLinger?.();
    this.interests.clear();
  }
}
