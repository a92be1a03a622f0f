import { PublishRefusedError } from '../bus/transport.js';
import type { TargetRef } from '../protocol/target.js';
import { toError } from '../protocol/thrown.js';

/** The largest envelope a server publishes: one huge publish can overrun a subscriber's output buffer in Redis, which deafens a farm. */
export const MAX_MESSAGE_BYTES = 1024 * 1024;

/**
 * Redis did not take an emit. It was never written, so it is safe to repeat it for the other servers; this
 * server's own connections have been served.
 */
export class NotPublishedError extends Error {
  override readonly name = 'NotPublishedError';

  constructor(
    /** To how many of this server's own connections the message was written. */
    readonly local: number,
    cause: Error,
  ) {
    super(`The message was not published, so no other server has it: ${cause.message}.`, { cause });
  }
}

/**
 * An emit was written to Redis and no reply came: other servers may have it, or get it yet. Repeating it
 * can deliver it twice. This server's own connections have been served.
 */
export class PublishOutcomeUnknownError extends Error {
  override readonly name = 'PublishOutcomeUnknownError';

  constructor(
    /** To how many of this server's own connections the message was written. */
    readonly local: number,
    cause: Error,
  ) {
    super(`Whether the other servers get the message is unknown: ${cause.message}.`, { cause });
  }
}

/** An emit that is too large for the backplane. Nobody got it. */
export class MessageTooLargeError extends RangeError {
  override readonly name = 'MessageTooLargeError';

  constructor(readonly bytes: number) {
    super(
      `A message of ${bytes} bytes is too large: the limit is ${MAX_MESSAGE_BYTES}. Send a reference to the data instead, or split it.`,
    );
  }
}

/**
 * Why buffered messages were given up: too old, too many or too large for the buffer, refused by Redis for good,
 * written without a reply, or still waiting when the app closed.
 */
export type GiveUpReason = 'age' | 'full' | 'denied' | 'unknown' | 'closed';

const GIVE_UP_REASONS: Readonly<Record<GiveUpReason, string>> = {
  age: 'they waited for longer than outage.buffer.age allows',
  full: 'newer ones needed their place; raise outage.buffer.messages or outage.buffer.bytes to keep more',
  denied: 'Redis refuses them; grant its user the channels',
  unknown: 'Redis did not reply, so other servers may have received them or not',
  closed: 'the app has shut down',
};

/** Emits that resolved with `buffered` and will not be published any more. Found as the `cause` of what `errors$` reports. */
export class MessagesGivenUpError extends Error {
  override readonly name = 'MessagesGivenUpError';

  constructor(
    readonly count: number,
    readonly reason: GiveUpReason,
    /** Whom they were for: each path and target once, at most 100 of them. */
    readonly targets: readonly GivenUpTarget[],
  ) {
    super(`Gave up ${count} buffered ${count === 1 ? 'message' : 'messages'}: ${GIVE_UP_REASONS[reason]}.`);
  }
}

/** A target of a message that was given up. */
export interface GivenUpTarget extends TargetRef {
  readonly path: string;
}

/** A join needed Redis and could not have it. The connection is not in the group. */
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

/** What a call to other servers fails with once this server has shut down. */
export function closedError(): NotPublishedError {
  return new NotPublishedError(0, new PublishRefusedError('the backplane is closed'));
}

/** @throws MessageTooLargeError */
export function checkSize(record: Buffer): void {
  if (record.length > MAX_MESSAGE_BYTES) throw new MessageTooLargeError(record.length);
}

/** What a failed publish means for the caller of `emit`. */
export function publishError(local: number, cause: unknown): NotPublishedError | PublishOutcomeUnknownError {
  const error = toError(cause);
  return error instanceof PublishRefusedError
    ? new NotPublishedError(local, error)
    : new PublishOutcomeUnknownError(local, error);
}
