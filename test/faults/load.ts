import type { Broadcaster, Delivery } from 'nestjs-redis-backplane';
import { now } from './clock.js';
import type { Emit, Outcome } from './facts.js';

/** Whom an emit of the load addresses. */
export type EmitTarget =
  | { readonly kind: 'all' }
  | { readonly kind: 'groups'; readonly names: readonly string[] }
  | { readonly kind: 'user'; readonly name: string };

/** A direct send: the client's index, and its connection's id. */
export interface ConnectionTarget {
  readonly kind: 'connection';
  readonly client: number;
  readonly id: string;
}

export interface LoadPlan {
  /** Emits per second of one server. */
  readonly rate: number;
  /** Each emit takes one of them at random. */
  readonly targets: readonly (EmitTarget | ConnectionTarget)[];
}

const TICK_MS = 10;
/** A process that stood still does not make up for it: the rate falls instead. */
const MOST_PER_TICK = 2;

/** Emits at a rate, and tells what becomes of each emit. */
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
      this.due += Math.min((plan.rate * (at - last)) / 1000, perTick * MOST_PER_TICK);
      last = at;
      for (; this.due >= 1; this.due--) void this.emit(Math.floor(Math.random() * plan.targets.length));
    }, TICK_MS);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** An emit to all that carries so many bytes more. Resolves with its outcome, or with the error's name. */
  emitToAll(bytes: number): Promise<string> {
    return this.emit(
      this.plan.targets.findIndex(({ kind }) => kind === 'all'),
      'x'.repeat(bytes),
    );
  }

  private emit(target: number, ballast?: string): Promise<string> {
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
    return this.send(target, [this.sender, number, ballast]).then(
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
