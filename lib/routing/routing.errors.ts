import { NotSubscribedError } from '../bus/bus.errors.js';
import { PublishDeniedError, PublishRefusedError, SubscriptionRefusedError } from '../bus/transport.js';
import { BackplaneError } from '../protocol/backplane.error.js';
import type { TargetRef } from '../protocol/target.js';
import { sentence, toError } from '../protocol/thrown.js';

/**
 * Redis did not accept a message. It was never written, so no other server has it; this server's own connections have
 * received it. Retryable if there were none of those and Redis may accept the message later.
 */
export class NotPublishedError extends BackplaneError {
  override readonly name = 'NotPublishedError';
  override readonly code = 'BACKPLANE_NOT_PUBLISHED';
  override readonly retryable: boolean;

  constructor(
    /** How many of this server's own connections the message was written to. */
    readonly local: number,
    cause: Error,
  ) {
    super(`The message was not published, so no other server received it: ${sentence(cause.message)}`, {
      cause,
    });
    this.retryable = local === 0 && !(cause instanceof PublishDeniedError);
  }
}

/**
 * A message was written to Redis, but no reply came. Other servers may have received it or may still receive it, so
 * repeating it can deliver it twice. This server's own connections have received it.
 */
export class PublishOutcomeUnknownError extends BackplaneError {
  override readonly name = 'PublishOutcomeUnknownError';
  override readonly code = 'BACKPLANE_PUBLISH_OUTCOME_UNKNOWN';

  constructor(
    /** How many of this server's own connections the message was written to. */
    readonly local: number,
    cause: Error,
  ) {
    super(`It is unknown whether the message was published: ${sentence(cause.message)}`, { cause });
  }
}

/** A message is too large for the backplane. No client received it. */
export class MessageTooLargeError extends BackplaneError {
  override readonly name = 'MessageTooLargeError';
  override readonly code = 'BACKPLANE_MESSAGE_TOO_LARGE';

  constructor(
    readonly bytes: number,
    /** The option `limits.messageBytes`. */
    readonly maxBytes: number,
  ) {
    super(
      `A message of ${bytes} bytes is too large: the option limits.messageBytes allows ${maxBytes}. Split the data, or send a reference to it.`,
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
export class MessagesGivenUpError extends BackplaneError {
  override readonly name = 'MessagesGivenUpError';
  override readonly code = 'BACKPLANE_MESSAGES_GIVEN_UP';

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

/** A join failed because Redis was unavailable or refused the channel. The connection is not in the group. Retryable unless Redis refused. */
export class NotJoinedError extends BackplaneError {
  override readonly name = 'NotJoinedError';
  override readonly code = 'BACKPLANE_NOT_JOINED';
  override readonly retryable: boolean;

  constructor(
    readonly group: string,
    cause: Error,
  ) {
    super(
      `The connection did not join '${group}': messages from other servers would not reach it. ${cause.message}`,
      { cause },
    );
    this.retryable = !isRefusal(cause);
  }
}

/** The error for calls to other servers after this server has shut down. */
export function closedError(): NotPublishedError {
  return new NotPublishedError(0, new PublishDeniedError('this server has shut down'));
}

/** @throws MessageTooLargeError */
export function checkSize(record: Buffer, maxBytes: number): void {
  if (record.length > maxBytes) throw new MessageTooLargeError(record.length, maxBytes);
}

/** Converts the error of a publish to the error that `emit` rejects with. */
export function publishError(local: number, cause: unknown): NotPublishedError | PublishOutcomeUnknownError {
  const error = toError(cause);
  return error instanceof PublishRefusedError
    ? new NotPublishedError(local, error)
    : new PublishOutcomeUnknownError(local, error);
}

function isRefusal(error: Error): boolean {
  return error instanceof NotSubscribedError && error.cause instanceof SubscriptionRefusedError;
}
