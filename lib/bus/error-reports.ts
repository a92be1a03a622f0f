import { type Observable, Subject } from 'rxjs';
import { type ErrorStage, ReportedError } from './bus.errors.js';
import { RedisConnectError } from './transport.js';

/** The source of `errors$`. */
export class ErrorReports {
  private readonly errors = new Subject<ReportedError>();
  /** The last message that `reportOnce` reported, by stage. */
  private readonly reported = new Map<ErrorStage, string>();

  readonly errors$: Observable<ReportedError> = this.errors.asObservable();

  report(error: ReportedError): void {
    this.errors.next(error);
  }

  /** A problem with the connection to Redis that does not end it. */
  problem(cause: Error): void {
    this.report(new ReportedError('connect', cause.message, { cause }));
  }

  /** A link failed. Only a failure that waiting does not fix is an error; the others are part of an outage. */
  linkFailed(cause: Error): void {
    if (cause instanceof RedisConnectError)
      this.reportOnce(new ReportedError('connect', cause.message, { cause }));
  }

  heartbeatFailed(cause: Error): void {
    const message = `A heartbeat could not be published: ${cause.message}`;
    this.reportOnce(new ReportedError('publish', message, { cause }));
  }

  /** For failures of retries: reports the same message of a stage once per outage. */
  private reportOnce(error: ReportedError): void {
    if (this.reported.get(error.stage) === error.message) return;
    this.reported.set(error.stage, error.message);
    this.report(error);
  }

  /** The outage is over, so the same failure is reported again. */
  reset(): void {
    this.reported.clear();
  }

  close(): void {
    this.errors.complete();
  }
}
