import { type Observable, Subject } from 'rxjs';
import { BackplaneError } from '../bus/bus.errors.js';

type RecordHandler = (body: Buffer, origin: string) => void;

/** Hands each record of another server to the handler of its kind. An error of the handler is reported, and goes no further. */
export class RecordDispatcher {
  private readonly handlers = new Map<number, RecordHandler>();
  private readonly errors = new Subject<BackplaneError>();

  readonly errors$: Observable<BackplaneError> = this.errors.asObservable();

  on(kind: number, handler: RecordHandler): void {
    this.handlers.set(kind, handler);
  }

  receive(origin: string, kind: number, body: Buffer): void {
    try {
      this.handlers.get(kind)?.(body, origin);
    } catch (cause) {
      this.report(
        new BackplaneError('deliver', 'What another server sent could not be delivered.', { cause }),
      );
    }
  }

  report(error: BackplaneError): void {
    this.errors.next(error);
  }

  /** What still arrives is dropped. */
  close(): void {
    this.handlers.clear();
    this.errors.complete();
  }
}
