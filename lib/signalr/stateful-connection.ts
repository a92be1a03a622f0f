import type { SessionSink } from '../adapter/session-sink.js';
import { HubErrors } from './hub-errors.js';
import { HubProtocolError } from './hub-message.js';
import type { HubProtocol } from './hub-protocol.js';
import { StatefulSink } from './stateful-sink.js';

/** How often received messages are acknowledged at most, in milliseconds. As in ASP.NET Core. */
const ACKNOWLEDGE_MS = 1000;

/**
 * What a connection with stateful reconnect needs beside its messages: both sides number them, acknowledge them, and repeat
 * on the next socket what the other side has not acknowledged.
 */
export class StatefulConnection {
  readonly sink: StatefulSink;
  /** The number of the next message that arrives. */
  private next = 1;
  /** The highest number that has arrived. */
  private received = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly hub: HubProtocol,
    sink: SessionSink,
    maxBytes: number,
    /** Called when the connection cannot be resumed any more. */
    onLost: () => void,
  ) {
    this.sink = new StatefulSink(hub, sink, maxBytes, onLost);
  }

  /** Whether a numbered message that arrives is new. The client repeats those that it does not know to have arrived. */
  takeNumber(): boolean {
    const number = this.next++;
    // Also for a repetition: the client does not know that it had arrived.
    this.timer ??= setTimeout(() => this.acknowledge(), ACKNOWLEDGE_MS);
    if (number <= this.received) return false;
    this.received = number;
    return true;
  }

  /** The client says which number its next message has. Throws HubProtocolError if it leaves some out. */
  sequence(number: number): void {
    if (number > this.received + 1) throw new HubProtocolError(HubErrors.sequence);
    this.next = number;
  }

  detach(): void {
    this.stopTimer();
    this.sink.detach();
  }

  attach(sink: SessionSink): void {
    this.sink.attach(sink);
    // Not at once: a client that is repeating its messages would take it for an acknowledgment of these.
    if (this.received > 0) this.timer ??= setTimeout(() => this.acknowledge(), ACKNOWLEDGE_MS);
  }

  close(): void {
    this.stopTimer();
    this.sink.release();
  }

  private acknowledge(): void {
    this.timer = undefined;
    this.sink.writeUnnumbered(this.hub.acknowledgment(this.received));
  }

  private stopTimer(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
