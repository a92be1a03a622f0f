import type { Broadcaster, Delivery } from 'nestjs-redis-backplane';
import { now } from './clock.js';
import type { Emit, Outcome } from './facts.js';

/** The target of an emit. */
export type EmitTarget =
  | { readonly kind: 'all' }
  | { readonly kind: 'groups'; readonly names: readonly string[] }
  | { readonly kind: 'user'; readonly name: string };

/** A single connection: the client's index and the connection's id. */
export interface ConnectionTarget {
  readonly kind: 'connection';
  readonly client: number;
  readonly id: string;
}

export interface LoadPlan {
  /** Emits per second and server. */
  readonly rate: number;
  /** Each emit goes to one of these at random. */
  readonly targets: readonly (EmitTarget | ConnectionTarget)[];
}

const TICK_MS = 10;
/** After a stall a server does not catch up: at most this many ticks' worth of emits happen in one tick. */
const MAX_TICKS_AT_ONCE = 2;

/** Emits at a given rate and reports the outcome of each emit. */
export class Load {
  private timer: NodeJS.Timeout | undefined;
  private number = 0;
  private due = 0;
  private plan: LoadPlan = { rate: 0, targets: [] };
  private readonly unsettled = new Map<number, Emit>();

  constructor(
    private readonly sender: number,
    private readonly broadcaster: Broadcaster,
    private readonly onSettled: (emit: Emit) => void,
  ) {}

  /** Emits that have not settled yet. */
  get pending(): Emit[] {
    return [...this.unsettled.values()];
  }

  start(plan: LoadPlan): void {
    this.plan = plan;
    const perTick = (plan.rate * TICK_MS) / 1000;
    let last = now();
    this.timer = setInterval(() => {
      const at = now();
      this.due += Math.min((plan.rate * (at - last)) / 1000, perTick * MAX_TICKS_AT_ONCE);
      last = at;
      for (; this.due >= 1; this.due--) void this.emit(Math.floor(Math.random() * plan.targets.length));
    }, TICK_MS);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Emits a message to all with `bytes` extra bytes. Resolves with its outcome or the error's name. */
  emitToAll(bytes: number): Promise<string> {
    return this.emit(
      this.plan.targets.findIndex(({ kind }) => kind === 'all'),
      'x'.repeat(bytes),
    );
  }

  private emit(target: number, padding?: string): Promise<string> {
    const number = ++this.number;
    const emit: Emit = {
      sender: this.sender,
      number,
      target,
      call: now(),
      settle: Infinity,
      outcome: 'pending',
    };
    this.unsettled.set(number, emit);
    const settled = (outcome: Outcome): void => {
      this.unsettled.delete(number);
      this.onSettled({ ...emit, outcome, settle: now() });
    };
    return this.send(target, [this.sender, number, padding]).then(
      ({ backplane }) => {
        settled(backplane);
        return backplane;
      },
      (error: unknown) => {
        settled(outcomeOf(error));
        return nameOf(error);
      },
    );
  }

  private send(index: number, data: unknown): Promise<Delivery> {
    const target = this.plan.targets[index];
    switch (target?.kind) {
      case 'groups':
        return this.broadcaster.group(...target.names).emit('m', data);
      case 'user':
        return this.broadcaster.user(target.name).emit('m', data);
      case 'connection':
        return this.broadcaster.connection(target.id).emit('m', data);
      default:
        return this.broadcaster.all.emit('m', data);
    }
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : String(error);
}

function outcomeOf(error: unknown): Outcome {
  const name = nameOf(error);
  if (name === 'NotPublishedError') return 'refused';
  return name === 'PublishOutcomeUnknownError' ? 'unknown' : 'failed';
}
