import type { SessionSink } from '../../lib/adapter/session-sink.js';
import type { ClientFrame } from '../../lib/protocol/client-frame.js';

/** A sink that keeps what is written to it, as text. */
export class RecordingSink implements SessionSink {
  readonly written: string[] = [];
  readonly isFull = false;
  readonly isBehind = false;
  readonly isSlow = false;

  write({ payload }: ClientFrame): void {
    this.written.push(payload.toString());
  }

  flush(): void {}

  close(): void {}

  pong(): void {}

  drained(): Promise<void> {
    return Promise.resolve();
  }
}
