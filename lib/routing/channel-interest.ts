import type { Bus } from '../bus/bus.js';

/** How long a channel stays subscribed after its last member left: a page that reloads is back within it. */
const LINGER_MS = 1000;

interface Interest {
  holders: number;
  linger: NodeJS.Timeout | undefined;
}

/** Which channels this server needs: the first holder wants a channel, the last one lets it go after a while. */
export class ChannelInterest {
  private readonly interests = new Map<string, Interest>();

  constructor(private readonly bus: Pick<Bus, 'want' | 'unwant'>) {}

  /**
   * Resolves when the channel is heard. It is held from now on, even when this rejects, until `release`.
   *
   * @throws NotSubscribedError (as a rejection)
   */
  acquire(channel: string): Promise<void> {
    const interest = this.interests.get(channel);
    if (interest) {
      interest.holders++;
      clearTimeout(interest.linger);
    } else {
      this.interests.set(channel, { holders: 1, linger: undefined });
    }
    return this.bus.want(channel);
  }

  release(channel: string): void {
    const interest = this.interests.get(channel);
    if (!interest || --interest.holders > 0) return;
    interest.linger = setTimeout(() => {
      this.interests.delete(channel);
      this.bus.unwant(channel);
    }, LINGER_MS);
  }

  close(): void {
    for (const { linger } of this.interests.values()) clearTimeout(linger);
    this.interests.clear();
  }
}
