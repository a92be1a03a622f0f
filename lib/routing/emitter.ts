import { ReportedError } from '../bus/bus.errors.js';
import type { ClientProtocol } from '../protocol/client-protocol.js';
import { EVENT, EVENT_WITH_ARGUMENTS } from '../protocol/dialect.js';
import { MessageFrames } from '../protocol/message-frames.js';
import { decodeMessage, encodeMessage } from '../protocol/message-record.js';
import { RecordKind } from '../protocol/record-kind.js';
import type { Address } from '../protocol/target.js';
import { toError } from '../protocol/thrown.js';
import type { Addressing } from './addressing.js';
import { deliver, type OnUndeliverable } from './deliver.js';
import { Delivery } from './delivery.js';
import type { OutagePolicy } from './outage/outage-policy.js';
import type { RecordDispatcher } from './record-dispatcher.js';
import type { Roster } from './roster.js';
import { checkSize, publishError } from './routing.errors.js';
import type { SendListeners } from './send-listeners.js';

export interface EmitOptions {
  /** Whether to reach only this server's own connections. */
  readonly local: boolean;
  /** Whether the message may be dropped for a client that reads too slowly, or in an outage. */
  readonly volatile: boolean;
}

/** Delivers messages to this server's own connections at once, and publishes them for the other servers. */
export class Emitter {
  constructor(
    private readonly addressing: Addressing,
    /** The client protocols that connections on any server may use. */
    private readonly protocols: readonly ClientProtocol[],
    private readonly roster: Roster,
    private readonly policy: OutagePolicy,
    private readonly dispatcher: RecordDispatcher,
    private readonly onUndeliverable: OnUndeliverable,
    private readonly maxMessageBytes: number,
    private readonly listeners: SendListeners,
  ) {
    dispatcher.on(RecordKind.Message, (body) => this.receive(body));
  }

  /**
   * Failures are also reported to `errors$`, so a promise that is not awaited causes no unhandled rejection.
   *
   * @throws MessageTooLargeError, NotPublishedError, PublishOutcomeUnknownError (as rejections)
   */
  emit(address: Address, frames: MessageFrames, options: EmitOptions): Promise<Delivery> {
    try {
      const delivery = this.send(address, frames, options);
      if (!this.listeners.isEmpty) this.listeners.notify({ kind: 'emit', address, frames, ...options });
      return delivery;
    } catch (error) {
      return this.refuse(error);
    }
  }

  /** Rejects an emit that no client has received. Reports the error; causes no unhandled rejection if it is not awaited. */
  refuse(error: unknown): Promise<Delivery> {
    const failed = Promise.reject<Delivery>(this.reported(error));
    failed.catch(ignore);
    return failed;
  }

  private send(address: Address, frames: MessageFrames, { local, volatile }: EmitOptions): Promise<Delivery> {
    const channels = local ? [] : this.addressing.channelsOf(address);
    if (channels.length === 0)
      return Promise.resolve(
        new Delivery(this.deliver(address, frames, volatile, this.ownUndeliverable), 'notNeeded'),
      );
    const { hasArguments } = frames.shape;
    const payloads = frames.payloads(this.protocols);
    const record = encodeMessage({ address, volatile, hasArguments, payloads });
    checkSize(record, this.maxMessageBytes);
    const count = this.deliver(address, frames, volatile, this.onUndeliverable);
    const delivery: Promise<Delivery> = this.policy.publish({ address, channels, record, volatile }).then(
      (outcome) => new Delivery(count, outcome),
      (cause: unknown) => {
        // Mark the promise as handled only on failure. Doing it for every emit would cost another promise each.
        delivery.catch(ignore);
        throw this.reported(publishError(count, cause));
      },
    );
    return delivery;
  }

  private reported(error: unknown): Error {
    const cause = toError(error);
    this.dispatcher.report(new ReportedError('publish', cause.message, { cause }));
    return cause;
  }

  private deliver(
    address: Address,
    frames: MessageFrames,
    volatile: boolean,
    onUndeliverable: OnUndeliverable,
  ): number {
    const members = this.roster.members(address.path);
    return members ? deliver(members, address, frames, volatile, onUndeliverable) : 0;
  }

  /** For emits that only concern local connections. If no protocol can carry the data, `payloads` throws and the emit rejects. */
  private readonly ownUndeliverable: OnUndeliverable = (address, connections, frames) => {
    frames.payloads(this.protocols);
    this.onUndeliverable(address, connections, frames);
  };

  private receive(body: Buffer): void {
    const { address, volatile, hasArguments, payloads } = decodeMessage(body);
    const frames = MessageFrames.received(payloads, hasArguments ? EVENT_WITH_ARGUMENTS : EVENT);
    this.deliver(address, frames, volatile, this.onUndeliverable);
  }
}

function ignore(): void {}
