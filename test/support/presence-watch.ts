import type { PresenceChange } from '../../lib/presence/presence-change.js';
import type { ChatServer } from './chat-app.js';
import type { TestFarm } from './test-farm.js';

/** The group that is watched. */
export const GROUP = 'room';

/** What a server reports about the group, from the snapshot on. */
export class PresenceWatch {
  readonly members = new Set<string>();
  readonly left: { readonly key: string; readonly at: number }[] = [];
  readonly joined: string[] = [];
  settled = false;
  settledAt = 0;

  constructor(farm: TestFarm, { broadcaster }: ChatServer, path = '/chat') {
    const changes$ = broadcaster.gateway(path).group(GROUP).presence$;
    const subscription = changes$.subscribe((change) => this.add(change));
    farm.onEnd(() => subscription.unsubscribe());
  }

  private add({ isSnapshot, joined, left, settled }: PresenceChange): void {
    for (const { key } of joined) this.members.add(key);
    if (!isSnapshot) this.joined.push(...joined.map(({ key }) => key));
    for (const { key } of left) {
      this.members.delete(key);
      this.left.push({ key, at: performance.now() });
    }
    if (settled && !this.settled) this.settledAt = performance.now();
    this.settled = settled;
  }
}
