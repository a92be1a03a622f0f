import { type Observable, Subject } from 'rxjs';
import { ReportedError } from '../bus/bus.errors.js';
import type { Clock } from '../bus/clock.js';
import type { TargetRef } from '../protocol/target.js';
import type { OnUndeliverable } from './deliver.js';
import type { LocalConnection } from './local-connection.js';
import type { RoutedLoss } from './losses.js';

/** A loss names single connections up to this number, and the targets of the message beyond it. */
const MAX_CONNECTIONS = 1000;

/** Counts and reports messages that a client's protocol cannot carry, such as data nested too deep for MessagePack. */
export class Undeliverable {
  private readonly losses = new Subject<RoutedLoss>();
  /** Connections that went without a message for this reason. */
  count = 0;

  readonly losses$: Observable<RoutedLoss> = this.losses.asObservable();

  constructor(
    private readonly clock: Pick<Clock, 'now'>,
    private readonly report: (error: ReportedError) => void,
  ) {}

  /** Reports once for each message, however many connections it concerns. */
  readonly add: OnUndeliverable = ({ path, targets }, connections) => {
    this.count += connections.length;
    const names = [...new Set(connections.map(({ protocol }) => protocol.name))].join(', ');
    const message = `${connections.length} connections of ${path} did not get a message, because ${names} cannot carry its data.`;
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
