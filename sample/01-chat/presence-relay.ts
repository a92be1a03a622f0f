import type {
  BackplaneConnection,
  Broadcaster,
  PresenceChange,
  PresenceMember,
} from 'nestjs-redis-backplane';
import { bufferTime, filter, map, type Observable, type Subscription, take, takeWhile } from 'rxjs';
import type { ChatEvents, MemberChange } from './chat.events.js';

/** At most four messages per second and group, however many members come and go. */
const BATCH_MS = 250;

/** Tells this server's clients who is in their groups. Each group has one subscription, whatever the number of clients. */
export class PresenceRelay {
  private readonly relays = new Map<string, Subscription>();

  constructor(private readonly server: Broadcaster<ChatEvents>) {}

  /** Call it when the client's `join` has resolved. Sends the client a snapshot, then all changes until it leaves. */
  start(client: BackplaneConnection<unknown, ChatEvents>, group: string): void {
    const { presence$ } = this.server.group(group);
    presence$.pipe(take(1)).subscribe((snapshot) => void client.emit('presence', merge(group, [snapshot])));
    if (this.relays.has(group)) return;
    const members = this.server.local.group(group);
    const relay = batches(group, presence$, () => members.count().connections > 0).subscribe((change) => {
      void members.emit('presence', change);
    });
    this.relays.set(group, relay);
    relay.add(() => this.relays.delete(group));
  }
}

/** Merges changes into batches. Ends at most 250 ms after `isNeeded` has become false. */
export function batches(
  group: string,
  presence$: Observable<PresenceChange>,
  isNeeded: () => boolean,
): Observable<MemberChange> {
  return presence$.pipe(
    bufferTime(BATCH_MS),
    takeWhile(isNeeded),
    filter((changes) => changes.length > 0),
    map((changes) => merge(group, changes)),
  );
}

function merge(group: string, changes: readonly PresenceChange[]): MemberChange {
  const latest = new Map<string, PresenceMember | undefined>();
  // Above the limit, only the number of members is known. A snapshot follows when the list is known again.
  const replaces = ({ isSnapshot, isAboveLimit }: PresenceChange) => isSnapshot || isAboveLimit;
  for (const change of changes) {
    const { joined, updated, left } = change;
    if (replaces(change)) latest.clear();
    for (const member of [...joined, ...updated]) latest.set(member.key, member);
    for (const { key } of left) latest.set(key, undefined);
  }
  return {
    group,
    isSnapshot: changes.some(replaces),
    members: [...latest.values()].filter((member) => member !== undefined),
    left: [...latest].filter(([, member]) => member === undefined).map(([key]) => key),
    count: changes.at(-1)?.memberCount ?? 0,
  };
}
