import type { EdgeCounters } from '../broadcast/edge-counters.js';
import type { SessionSink } from '../adapter/session-sink.js';
import { HubErrors } from './hub-errors.js';
import { HubProtocolError } from './hub-message.js';
import type { HubProtocol } from './hub-protocol.js';
import { StatefulSink } from './stateful-sink.js';

/** Received messages are acknowledged at most once in this time, in milliseconds, as in ASP.NET Core. */
const ACKNOWLEDGE_MS = 1000;

/**
 * The state of a connection with stateful reconnect. Both sides number their messages and acknowledge those that they
 * receive. After a reconnect, each side repeats the messages that the other has not acknowledged.
 */
export class StatefulConnection {
  readonly sink: StatefulSink;
  /** The number of the next message that arrives. */
  private next = 1;
  /** The highest number that has been received. */
  private received = 0;
  private timer: NodeJS.Timeout | undefined;
  /** Whether the client has resumed its session, and has not sent the number of its next message. */
  private isSequenceDue = false;

  constructor(
    private readonly hub: HubProtocol,
    sink: SessionSink,
    maxBytes: number,
    counters: Pick<EdgeCounters, 'volatileDropped'>,
    /** Called when the connection can no longer be resumed. */
    onLost: () => void,
  ) {
    this.sink = new StatefulSink(hub, sink, maxBytes, counters, onLost);
  }

  /** Counts a numbered message. Returns false if it is a repetition, which must be ignored. */
  takeNumber(): boolean {
    const number = this.next++;
    // A repetition is acknowledged, too: the client has not received the acknowledgment of the first one.
    this.timer ??= setTimeout(() => this.acknowledge(), ACKNOWLEDGE_MS);
    if (number <= this.received) return false;
    this.received = number;
    return true;
  }

  /**
   * Sets the number of the client's next message. A client sends this once per resumption, because repetitions are not
   * counted by any limit.
   *
   * @throws HubProtocolError for any other sequence message, and if it would skip messages
   */
  sequence(number: number): void {
    if (!this.isSequenceDue || number < 1 || number > this.received + 1)
      throw new HubProtocolError(HubErrors.sequence);
    this.isSequenceDue = false;
    this.next = number;
  }

  get canResume(): boolean {
    return this.sink.canResume;
  }

  detach(): void {
    this.stopTimer();
    this.sink.detach();
  }

  attach(sink: SessionSink): void {
    this.stopTimer();
    this.isSequenceDue = true;
    this.sink.attach(sink);
    // Not at once: a client that is still repeating messages would count this as an acknowledgment of them.
    if (this.received > 0) this.timer = setTimeout(() => this.acknowledge(), ACKNOWLEDGE_MS);
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
