import { type Observable, Subject } from 'rxjs';
import type { ReportedError, ErrorStage } from './bus.errors.js';

/** What `errors$` reports. */
export class ErrorReports {
  private readonly errors = new Subject<ReportedError>();
  /** The last message of each stage that was reported once. */
  private readonly reported = new Map<ErrorStage, string>();

  readonly errors$: Observable<ReportedError> = this.errors.asObservable();

  report(error: ReportedError): void {
    this.errors.next(error);
  }

  /** For what is tried again and again: the same message of a stage is reported once per outage. */
  reportOnce(error: ReportedError): void {
    if (this.reported.get(error.stage) === error.message) return;
    this.reported.set(error.stage, error.message);
    this.report(error);
  }

  /** The outage is over: what fails from now on is news. */
  reset(): void {
    this.reported.clear();
  }

  close(): void {
    this.errors.complete();
  }
}
