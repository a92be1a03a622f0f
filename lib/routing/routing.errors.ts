import { PublishRefusedError } from '../bus/transport.js';
import type { TargetRef } from '../protocol/target.js';
import { toError } from '../protocol/thrown.js';

/** The largest message that a server publishes. A larger one can overrun the output buffers of all subscribers in Redis and disconnect the whole farm. */
export const MAX_MESSAGE_BYTES = 1024 * 1024;

/**
 * Redis did not accept a message. It was never written, so it is safe to repeat for the other servers. This server's own
 * connections have received it.
 */
export class NotPublishedError extends Error {
  override readonly name = 'NotPublishedError';

  constructor(
    /** How many of this server's own connections the message was written to. */
    readonly local: number,
    cause: Error,
  ) {
    super(`The message was not published, so no other server received it: ${cause.message}.`, { cause });
  }
}

/**
 * A message was written to Redis, but no reply came. Other servers may have received it or may still receive it, so
 * repeating it can deliver it twice. This server's own connections have received it.
 */
export class PublishOutcomeUnknownError extends Error {
  override readonly name = 'PublishOutcomeUnknownError';

  constructor(
    /** How many of this server's own connections the message was written to. */
    readonly local: number,
    cause: Error,
  ) {
    super(`It is unknown whether the message was published: ${cause.message}.`, { cause });
  }
}

/** A message is too large for the backplane. No client received it. */
export class MessageTooLargeError extends RangeError {
  override readonly name = 'MessageTooLargeError';

  constructor(readonly bytes: number) {
    super(
      `A message of ${bytes} bytes is too large: the limit is ${MAX_MESSAGE_BYTES} bytes. Split the data, or send a reference to it.`,
    );
  }
}

/**
 * Why buffered messages were dropped: too old (`age`), the buffer was full (`full`), Redis denied the publish (`denied`),
 * written without a reply (`unknown`), or still waiting when the app shut down (`closed`).
 */
export type GiveUpReason = 'age' | 'full' | 'denied' | 'unknown' | 'closed';

const GIVE_UP_REASONS: Readonly<Record<GiveUpReason, string>> = {
  age: 'they waited for longer than outage.buffer.age allows',
  full: 'the buffer was full; raise outage.buffer.messages or outage.buffer.bytes to keep more',
  denied: 'Redis denied the publish; grant the Redis user access to the channels',
  unknown: 'Redis did not reply, so other servers may or may not have received them',
  closed: 'the app has shut down',
};

/** Messages whose `emit` resolved with `buffered` were dropped. The `cause` of an error that `errors$` reports. */
export class MessagesGivenUpError extends Error {
  override readonly name = 'MessagesGivenUpError';

  constructor(
    readonly count: number,
    readonly reason: GiveUpReason,
    /** Their targets, without duplicates; at most 100. */
    readonly targets: readonly GivenUpTarget[],
  ) {
    super(`Gave up ${count} buffered ${count === 1 ? 'message' : 'messages'}: ${GIVE_UP_REASONS[reason]}.`);
  }
}

/** A target of a dropped message. */
export interface GivenUpTarget extends TargetRef {
  readonly path: string;
}

/** A join failed because Redis was not available. The connection is not in the group. */
export class NotJoinedError extends Error {
  override readonly name = 'NotJoinedError';

  constructor(
    readonly group: string,
    cause: Error,
  ) {
    super(
      `The connection did not join '${group}': messages from other servers would not reach it. ${cause.message}`,
      {
        cause,
      },
    );
  }
}

/** The error for calls to other servers after this server has shut down. */
export function closedError(): NotPublishedError {
  return new NotPublishedError(0, new PublishRefusedError('the backplane is closed'));
}

/** @throws MessageTooLargeError */
export function checkSize(record: Buffer): void {
  if (record.length > MAX_MESSAGE_BYTES) throw new MessageTooLargeError(record.length);
}

/** Converts the error of a publish to the error that `emit` rejects with. */
export function publishError(local: number, cause: unknown): NotPublishedError | PublishOutcomeUnknownError {
  const error = toError(cause);
  return error instanceof PublishRefusedError
    ? new NotPublishedError(local, error)
    : new PublishOutcomeUnknownError(local, error);
}
