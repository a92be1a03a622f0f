import { type Observable, Subject } from 'rxjs';
import type { Cancel, Clock } from '../bus/clock.js';
import { keyOf, memberOf, MemberTable, type Row, singleMemberOf } from './member-table.js';
import type {
  PresenceChange,
  PresenceJoin,
  PresenceLeave,
  PresenceLeaveCause,
  PresenceMember,
} from './presence-change.js';

export interface PresenceViewOptions {
  /** How long a user who disconnected may take to come back, in milliseconds. */
  readonly graceMs: number;
  /** The same if the user's server shut down. */
  readonly shutdownGraceMs: number;
  /** The number of members beyond which only counts are reported. */
  readonly limit: number;
}

/** A member without connections that may come back. */
interface Leaving {
  readonly last: Row;
  readonly cause: PresenceLeaveCause;
  readonly until: number;
}

const NONE = [] as const;
const NOTHING = { joined: NONE, left: NONE, updated: NONE };

/**
 * The members of a watched group as this server knows them. Turns changes of rows into changes of members: a member joins
 * with its first row and leaves some time after its last one. Collects the changes of a turn of the event loop.
 */
export class PresenceView {
  private readonly table = new MemberTable();
  private readonly leaving = new Map<string, Leaving>();
  /** The members that were touched since the last report, with the row that was reported; `undefined` for none. */
  private readonly before = new Map<string, Row | undefined>();
  private readonly causes = new Map<string, PresenceLeaveCause>();
  private readonly returned = new Set<string>();
  private readonly reports = new Subject<PresenceChange>();
  private cancelExpiry: Cancel | undefined;
  private nextExpiry = Infinity;
  private isScheduled = false;
  private isSettled = false;
  private reportedSettled = false;
  private reportedConnections = 0;
  private wasAboveLimit = false;

  /** What changes, once per turn of the event loop. */
  readonly changes$: Observable<PresenceChange> = this.reports.asObservable();

  constructor(
    private readonly clock: Clock,
    private readonly options: PresenceViewOptions,
    /** Whether a member that is not known to be anywhere is certainly gone. */
    private readonly canJudge: () => boolean,
  ) {}

  /** The value for a new subscriber. Reports pending changes to the others first. */
  snapshot(): PresenceChange {
    this.report();
    return this.change({ isSnapshot: true, joined: this.isAboveLimit ? NONE : this.everyone() });
  }

  /** @param isSettled whether the rows of all servers are known. Members that waited for that may be gone now */
  settle(isSettled: boolean): void {
    this.isSettled = isSettled;
    if (isSettled !== this.reportedSettled) this.schedule();
    this.expire();
  }

  /** The data of a member, as JSON text; `undefined` if it is not there. */
  dataOf(key: string): string | undefined {
    return this.lastRow(key)?.data;
  }

  /** Adds a row of a server, or replaces it. */
  put(row: Row, cause: PresenceJoin['cause'] = 'joined'): void {
    const { server } = row;
    const known = this.table.get(server, row.id);
    if (known?.data === row.data && known.userId === row.userId) return;
    if (known && known.userId !== row.userId) this.remove(server, row.id, 'left');
    const key = keyOf(row);
    this.touch(key);
    if (cause === 'returned' && !this.table.has(key)) this.returned.add(key);
    this.leaving.delete(key);
    this.table.put(row);
  }

  /** @param id the connection's id without the server's */
  remove(server: string, id: string, cause: PresenceLeaveCause): void {
    const row = this.table.get(server, id);
    if (!row) return;
    const key = keyOf(row);
    this.touch(key);
    this.table.remove(server, id);
    if (this.table.has(key)) return;
    const graceMs = this.graceOf(row, cause);
    if (graceMs === 0) {
      this.causes.set(key, cause);
      return;
    }
    const until = this.clock.now() + graceMs;
    this.leaving.set(key, { last: row, cause, until });
    this.expireAt(until);
  }

  /** The rows that the server had before and that are not among these are gone. */
  keepOnly(server: string, ids: ReadonlySet<string>): void {
    for (const { id } of this.table.rowsOf(server)) if (!ids.has(id)) this.remove(server, id, 'disconnected');
  }

  removeServer(server: string, cause: PresenceLeaveCause): void {
    for (const { id } of this.table.rowsOf(server)) this.remove(server, id, cause);
  }

  close(): void {
    this.cancelExpiry?.();
    this.leaving.clear();
    this.reports.complete();
  }

  private get isAboveLimit(): boolean {
    return this.memberCount > this.options.limit;
  }

  private get memberCount(): number {
    return this.table.memberCount + this.leaving.size;
  }

  /** A connection without a user never comes back: its client gets a new id. */
  private graceOf({ userId }: Row, cause: PresenceLeaveCause): number {
    if (cause === 'left' || userId === '') return 0;
    return cause === 'serverLeft' ? this.options.shutdownGraceMs : this.options.graceMs;
  }

  private touch(key: string): void {
    if (!this.before.has(key)) this.before.set(key, this.lastRow(key));
    this.schedule();
  }

  private lastRow(key: string): Row | undefined {
    return this.table.of(key).at(-1) ?? this.leaving.get(key)?.last;
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.report();
    });
  }

  private expireAt(time: number): void {
    if (time >= this.nextExpiry) return;
    this.cancelExpiry?.();
    this.nextExpiry = time;
    this.cancelExpiry = this.clock.after(Math.max(0, time - this.clock.now()), () => this.expire());
  }

  /** Members whose time to come back is over are gone. */
  private expire(): void {
    this.cancelExpiry?.();
    this.nextExpiry = Infinity;
    if (!this.canJudge()) return;
    const now = this.clock.now();
    let next = Infinity;
    for (const [key, { cause, until }] of this.leaving) {
      if (until > now) {
        next = Math.min(next, until);
        continue;
      }
      this.touch(key);
      this.leaving.delete(key);
      this.causes.set(key, cause);
    }
    this.expireAt(next);
  }

  private report(): void {
    // Before the first subscriber, a description of 10,000 members would be made for nobody.
    const lists = this.reports.observed ? this.takeChanges() : NOTHING;
    this.before.clear();
    this.causes.clear();
    this.returned.clear();
    const { isAboveLimit, wasAboveLimit } = this;
    const isSame = this.isSettled === this.reportedSettled && isAboveLimit === wasAboveLimit;
    const hasChanges = lists.joined.length + lists.left.length + lists.updated.length > 0;
    const countChanged = isAboveLimit && this.table.size !== this.reportedConnections;
    if (isSame && !hasChanges && !countChanged) return;
    this.reportedSettled = this.isSettled;
    this.wasAboveLimit = isAboveLimit;
    this.reportedConnections = this.table.size;
    if (isAboveLimit) this.reports.next(this.change({}));
    else if (wasAboveLimit) this.reports.next(this.change({ isSnapshot: true, joined: this.everyone() }));
    else this.reports.next(this.change(lists));
  }

  private takeChanges(): Pick<PresenceChange, 'joined' | 'left' | 'updated'> {
    const joined: PresenceJoin[] = [];
    const left: PresenceLeave[] = [];
    const updated: PresenceMember[] = [];
    for (const [key, before] of this.before) {
      const now = this.lastRow(key);
      if (now && !before) joined.push(this.joinOf(key, now));
      else if (!now && before)
        left.push({ ...memberOf(key, [before], before), cause: this.causes.get(key) ?? 'left' });
      else if (now && before && now.data !== before.data)
        updated.push(memberOf(key, this.table.of(key), now));
    }
    return { joined, left, updated };
  }

  private everyone(): PresenceJoin[] {
    const everyone: PresenceJoin[] = [];
    this.table.forEach((key, rows) => {
      const single = 'id' in rows ? rows : undefined;
      const last = single ?? this.lastRow(key);
      if (single) everyone.push(joined(singleMemberOf(key, single), 'joined'));
      else if (last) everyone.push(joined(memberOf(key, this.table.of(key), last), 'joined'));
    });
    for (const [key, { last }] of this.leaving) everyone.push(joined(memberOf(key, NONE, last), 'joined'));
    return everyone;
  }

  private joinOf(key: string, last: Row): PresenceJoin {
    const cause = this.returned.has(key) ? 'returned' : 'joined';
    return joined(memberOf(key, this.table.of(key), last), cause);
  }

  private change(lists: Partial<PresenceChange>): PresenceChange {
    return {
      isSnapshot: false,
      joined: NONE,
      left: NONE,
      updated: NONE,
      settled: this.isSettled,
      memberCount: this.memberCount,
      connectionCount: this.table.size,
      isAboveLimit: this.isAboveLimit,
      ...lists,
    };
  }
}

/** Adds the cause to a description that was just made. */
function joined(member: PresenceMember, cause: PresenceJoin['cause']): PresenceJoin {
  return Object.assign(member, { cause });
}
