import { NotSubscribedError } from '../bus/bus.errors.js';
import { PublishDeniedError, PublishRefusedError, SubscriptionRefusedError } from '../bus/transport.js';
import { BackplaneError } from '../protocol/backplane.error.js';
import type { TargetRef } from '../protocol/target.js';
import { toError } from '../protocol/thrown.js';

/**
 * Redis did not accept a message. It was never written, so no other server has it; this server's own connections have
 * been served. Retryable if there were none of them, and Redis may accept it later.
 */
export class NotPublishedError extends BackplaneError {
  override readonly name = 'NotPublishedError';
  override readonly code = 'BACKPLANE_NOT_PUBLISHED';
  override readonly retryable: boolean;

  constructor(
    /** To how many of this server's own connections the message was written. */
    readonly local: number,
    cause: Error,
  ) {
    super(`The message was not published, so no other server has it: ${cause.message}.`, { cause });
    this.retryable = local === 0 && !(cause instanceof PublishDeniedError);
  }
}

/**
 * An emit was written to Redis and no reply came: other servers may have it, or get it yet. Repeating it
 * can deliver it twice. This server's own connections have been served.
 */
export class PublishOutcomeUnknownError extends BackplaneError {
  override readonly name = 'PublishOutcomeUnknownError';
  override readonly code = 'BACKPLANE_PUBLISH_OUTCOME_UNKNOWN';

  constructor(
    /** To how many of this server's own connections the message was written. */
    readonly local: number,
    cause: Error,
  ) {
    super(`Whether the other servers get the message is unknown: ${cause.message}.`, { cause });
  }
}

/** An emit that is too large for the backplane. Nobody got it. */
export class MessageTooLargeError extends BackplaneError {
  override readonly name = 'MessageTooLargeError';
  override readonly code = 'BACKPLANE_MESSAGE_TOO_LARGE';

  constructor(
    readonly bytes: number,
    /** The option `limits.messageBytes`. */
    readonly maxBytes: number,
  ) {
    super(
      `A message of ${bytes} bytes is too large: the option limits.messageBytes allows ${maxBytes}. Send a reference to the data instead, or split it.`,
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
export class MessagesGivenUpError extends BackplaneError {
  override readonly name = 'MessagesGivenUpError';
  override readonly code = 'BACKPLANE_MESSAGES_GIVEN_UP';

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

/** A join needs Redis, and Redis is down or refuses the channel. The connection is not in the group. Retryable unless Redis refuses. */
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

/** What a call to other servers fails with once this server has shut down. */
export function closedError(): NotPublishedError {
  return new NotPublishedError(0, new PublishDeniedError('this server has shut down'));
}

/** @throws MessageTooLargeError */
export function checkSize(record: Buffer, maxBytes: number): void {
  if (record.length > maxBytes) throw new MessageTooLargeError(record.length, maxBytes);
}

/** What a failed publish means for the caller of `emit`. */
export function publishError(local: number, cause: unknown): NotPublishedError | PublishOutcomeUnknownError {
  const error = toError(cause);
  return error instanceof PublishRefusedError
    ? new NotPublishedError(local, error)
    : new PublishOutcomeUnknownError(local, error);
}

function isRefusal(error: Error): boolean {
  return error instanceof NotSubscribedError && error.cause instanceof SubscriptionRefusedError;
}
