import { type Observable, Subject } from 'rxjs';
import { ReportedError } from '../bus/bus.errors.js';

export type RecordHandler = (body: Buffer, origin: string) => void;

/** Passes each record from another server to the handler for its kind. Reports errors of handlers instead of throwing. */
export class RecordDispatcher {
  private readonly handlers = new Map<number, RecordHandler>();
  private readonly errors = new Subject<ReportedError>();

  readonly errors$: Observable<ReportedError> = this.errors.asObservable();

  on(kind: number, handler: RecordHandler): void {
    this.handlers.set(kind, handler);
  }

  receive(origin: string, kind: number, body: Buffer): void {
    try {
      this.handlers.get(kind)?.(body, origin);
    } catch (cause) {
      this.report(
        new ReportedError('deliver', 'A message from another server could not be delivered.', { cause }),
      );
    }
  }

  report(error: ReportedError): void {
    this.errors.next(error);
  }

  /** Drops all records from now on. */
  close(): void {
    this.handlers.clear();
    this.errors.complete();
  }
}
