/** Whether a connection must, may or must not receive a message. */
export type Verdict = 'must' | 'may' | 'must not';

/** A logical clock that numbers events in order. */
export class Clock {
  private time = 0;

  tick(): number {
    return ++this.time;
  }
}

/** An emitted message. `number` rises by one with each message of the sender. */
export interface Emitted {
  readonly sender: number;
  readonly number: number;
  readonly at: number;
  readonly groups: readonly string[];
  readonly exceptGroup: string | undefined;
  readonly exceptConnection: string | undefined;
}

/** A join, leave or disconnect. It takes effect at some time between `call` and `done`. */
interface Change {
  readonly call: number;
  /** By sender: the last message that the connection's server had provably handled at the time of the call. */
  readonly handled: readonly number[];
  /** A leave called after this time ends a join. Equals `call` if the join was called on the connection itself. */
  settled: number;
  done: number;
}

/**
 * Records when a connection was told to join, leave and close, and when each call was done. From that it judges which
 * messages the connection must, may and must not receive:
 *
 * - an emit of its own server takes effect at the call
 * - an emit of the other server takes effect between the call and the time at which it was provably handled
 */
export class MemberModel {
  private readonly joins = new Map<string, Change[]>();
  private readonly leaves = new Map<string, Change[]>();
  private end: Change | undefined;
  /** By sender: the last message received when the client cut the connection. Later ones may be lost. */
  private cutAfter: readonly number[] | undefined;

  constructor(
    readonly id: string,
    readonly server: number,
    private readonly clock: Clock,
    private readonly handledNow: () => readonly number[],
  ) {}

  get ending(): boolean {
    return this.end !== undefined;
  }

  /** @param direct called on the connection itself, which is then a local member at once */
  join(group: string, direct: boolean): { done(): void } {
    return this.change(this.joins, group, direct);
  }

  /** @param direct called on the connection itself, where a leave takes effect at once */
  leave(group: string, direct: boolean): { done(): void } {
    const leave = this.begin(direct);
    if (direct) leave.done = leave.call;
    add(this.leaves, group, leave);
    return this.ender(leave);
  }

  /** The connection closes. @param cutAfter set if the client cut it and reads nothing more */
  close(cutAfter?: readonly number[]): { done(): void } {
    this.end = this.begin(false);
    this.cutAfter = cutAfter;
    return this.ender(this.end);
  }

  judge(message: Emitted): Verdict {
    if (message.exceptConnection === this.id) return 'must not';
    const included = highest(message.groups.map((group) => this.inGroup(group, message)));
    const excluded =
      message.exceptGroup === undefined ? 'must not' : this.inGroup(message.exceptGroup, message);
    if (included === 'must not' || excluded === 'must') return 'must not';
    if (included === 'may' || excluded === 'may') return 'may';
    const lost = this.cutAfter !== undefined && message.number > (this.cutAfter[message.sender] ?? 0);
    return lost ? 'may' : 'must';
  }

  private inGroup(group: string, message: Emitted): Verdict {
    const joins = this.joins.get(group) ?? [];
    const leaves = [...(this.leaves.get(group) ?? []), ...(this.end ? [this.end] : [])];
    const surely = joins.some(
      (join) =>
        join.done <= message.at &&
        leaves.every((leave) => leave.done < join.call || this.isAfter(leave, message)),
    );
    if (surely) return 'must';
    const surelyNot = joins.every(
      (join) =>
        this.isAfter(join, message) ||
        leaves.some((leave) => leave.call > join.settled && leave.done <= message.at),
    );
    return surelyNot ? 'must not' : 'may';
  }

  /** Whether the change was called after the message took effect on this connection's server. */
  private isAfter({ call, handled }: Change, { sender, number, at }: Emitted): boolean {
    return sender === this.server ? call > at : (handled[sender] ?? 0) >= number;
  }

  private change(changes: Map<string, Change[]>, group: string, direct: boolean): { done(): void } {
    const change = this.begin(direct);
    add(changes, group, change);
    return this.ender(change);
  }

  private begin(direct: boolean): Change {
    const call = this.clock.tick();
    return { call, handled: this.handledNow(), settled: direct ? call : Infinity, done: Infinity };
  }

  private ender(change: Change): { done(): void } {
    return {
      done: () => {
        const now = this.clock.tick();
        change.done = Math.min(change.done, now);
        change.settled = Math.min(change.settled, now);
      },
    };
  }
}

function highest(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes('must')) return 'must';
  return verdicts.includes('may') ? 'may' : 'must not';
}

function add(changes: Map<string, Change[]>, group: string, change: Change): void {
  const known = changes.get(group);
  if (known) known.push(change);
  else changes.set(group, [change]);
}
