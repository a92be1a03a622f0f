import { type Observable, Subject } from 'rxjs';
import { ReportedError } from '../bus/bus.errors.js';
import type { Clock } from '../bus/clock.js';
import type { TargetRef } from '../protocol/target.js';
import type { OnUndeliverable } from './deliver.js';
import type { LocalConnection } from './local-connection.js';
import type { RoutedLoss } from './losses.js';

/** Up to this number, a loss names the connections; beyond it, the targets of the message. */
const MAX_CONNECTIONS = 1000;

/** Counts and reports messages that a client's protocol cannot carry, such as data nested too deep for MessagePack. */
export class Undeliverable {
  private readonly losses = new Subject<RoutedLoss>();
  /** How many deliveries were dropped for this reason. */
  count = 0;

  readonly losses$: Observable<RoutedLoss> = this.losses.asObservable();

  constructor(
    private readonly clock: Pick<Clock, 'now'>,
    private readonly report: (error: ReportedError) => void,
  ) {}

  /** Reports one error and one loss per message, for all its connections together. */
  readonly add: OnUndeliverable = ({ path, targets }, connections) => {
    this.count += connections.length;
    const names = [...new Set(connections.map(({ dialect }) => dialect.name))].join(', ');
    const message = `${connections.length} connections of ${path} did not receive a message because ${names} cannot carry its data.`;
    this.report(new ReportedError('deliver', message));
    const now = this.clock.now();
    this.losses.next({
      path,
      targets: connections.length > MAX_CONNECTIONS ? targets : connections.map(toTarget),
      from: now,
      to: now,
      certainty: 'known',
    });
  };

  close(): void {
    this.losses.complete();
  }
}

function toTarget({ id }: LocalConnection): TargetRef {
  return { kind: 'connection', name: id };
}
