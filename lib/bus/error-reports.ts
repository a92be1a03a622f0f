import { type Observable, Subject } from 'rxjs';
import type { ReportedError, ErrorStage } from './bus.errors.js';

/** The source of `errors$`. */
export class ErrorReports {
  private readonly errors = new Subject<ReportedError>();
  /** The last message that `reportOnce` reported, by stage. */
  private readonly reported = new Map<ErrorStage, string>();

  readonly errors$: Observable<ReportedError> = this.errors.asObservable();

  report(error: ReportedError): void {
    this.errors.next(error);
  }

  /** For failures of retries: reports the same message of a stage once per outage. */
  reportOnce(error: ReportedError): void {
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
