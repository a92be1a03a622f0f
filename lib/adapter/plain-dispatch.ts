import { isObservable, type Observable, takeWhile } from 'rxjs';
import type { RawData } from 'ws';
import { INTERNAL_ERROR } from '../broadcast/exception-payload.js';
import type { ClientMessage } from '../protocol/client-message.js';
import { MessageFrames } from '../protocol/message-frames.js';
import { readClientFrame } from '../protocol/read-client-frame.js';
import { PlainReply } from './plain-reply.js';
import { eachItem, exceptionOf, isAsyncIterable } from './async-items.js';
import { discard } from './discard.js';
import { messageOf } from './handler-result.js';
import { failingWithin } from './nest-stream.js';
import { toBuffer } from './raw-data.js';
import type { Session } from './session.js';

const SHOWN_EVENT_CHARACTERS = 100;

type EventMessage = Extract<ClientMessage, { kind: 'event' }>;

/** Passes a plain client's message to its handler and sends the result, or takes the response to an invocation. Never throws. */
export function receiveMessage(session: Session, data: RawData): void {
  const message = readClientFrame(session.dialect.protocol, toBuffer(data), session.context.edge.payload);
  // Responses are not queued, because a running handler may be awaiting this one.
  if (message.kind === 'response') takeResponse(session, message);
  else session.enqueue(() => handleMessage(session, message));
}

/** Resolves when the handler, and the stream that it may return, have ended. Never rejects. */
async function handleMessage(session: Session, message: ClientMessage): Promise<void> {
  try {
    if (message.kind === 'event') await handleEvent(session, message);
    else if (message.kind === 'invalid') refuse(session, message.reason);
  } catch (error) {
    // No known error gets here. An unknown one would crash the process, and block the client's other messages.
    session.context.log.error('message', 'A message could not be handled', error);
    refuse(session, INTERNAL_ERROR.message);
  }
}

function handleEvent(session: Session, message: EventMessage): Promise<void> {
  if (message.id === undefined) return handle(session, message, undefined);
  const answer = new PlainReply(session, message.id, (reason) => logUnsendable(session, message, reason));
  return answer.run(handle, session, message, answer);
}

async function handle(
  session: Session,
  message: EventMessage,
  answer: PlainReply | undefined,
): Promise<void> {
  const { event, data } = message;
  const handler = session.handler(event);
  if (!handler && event === 'ping') return pong(session, message, answer);
  if (!handler) return refuse(session, `There is no handler for the event '${shown(event)}'.`);
  let result: unknown;
  try {
    result = await handler.callback(data, handler.isAckHandledManually ? ackOf(answer) : event);
  } catch (error) {
    return filterFailed(session, message, error);
  }
  if (isAsyncIterable(result))
    return deliverItems(session, message, answer, handler.isAckHandledManually, result);
  if (!isObservable(result)) return deliver(session, message, answer, handler.isAckHandledManually, result);
  if (!answer) return sendEach(session, message, result);
  return answerWithLast(session, message, answer, handler.isAckHandledManually, result);
}

/** The callback that a handler gets through `@Ack()`. */
function ackOf(answer: PlainReply | undefined): (value: unknown) => void {
  return (value) => answer?.result(value);
}

/** Sends a result: as the reply if the frame has an id, unless the handler replies through `@Ack()`, or else as a message. */
function deliver(
  session: Session,
  message: EventMessage,
  answer: PlainReply | undefined,
  isAckHandledManually: boolean,
  result: unknown,
): void {
  if (!answer) send(session, message, result);
  else if (!isAckHandledManually) answer.result(result);
}

/**
 * Without an id, each value of an Observable is sent as a message. If an interceptor runs, Nest wraps an async iterable in an
 * Observable. Such a value is sent item by item.
 */
async function sendEach(
  session: Session,
  message: EventMessage,
  stream$: Observable<unknown>,
): Promise<void> {
  let iterables: Promise<unknown> = Promise.resolve();
  // An Observable cannot pause. Once the client's buffer is full, no further value can be sent.
  await session.follow(stream$.pipe(takeWhile(() => session.isWritable, true)), {
    next: (value) => {
      if (!isAsyncIterable(value)) return send(session, message, value);
      iterables = iterables.then(() => deliverItems(session, message, undefined, false, value));
    },
    error: (error) => filterFailed(session, message, error),
    complete: () => undefined,
  });
  await iterables;
}

/**
 * With an id, the last value of an Observable is the reply. If a stream fails, Nest's filter emits an `exception`, which
 * becomes the reply. Then Nest completes the stream, and the last value is ignored.
 */
async function answerWithLast(
  session: Session,
  message: EventMessage,
  answer: PlainReply,
  isAckHandledManually: boolean,
  stream$: Observable<unknown>,
): Promise<void> {
  const result: { last: unknown; isComplete: boolean } = { last: undefined, isComplete: false };
  await session.follow(failingWithin(answer, stream$), {
    next: (value) => {
      if (isAsyncIterable(result.last)) discard(result.last);
      result.last = value;
    },
    error: (error) => filterFailed(session, message, error),
    complete: () => (result.isComplete = true),
  });
  const { last, isComplete } = result;
  if (isAsyncIterable(last)) {
    if (!isComplete) return discard(last);
    return deliverItems(session, message, answer, isAckHandledManually, last);
  }
  if (isComplete) deliver(session, message, answer, isAckHandledManually, last);
}

/** Without an id, each item of an async iterable is sent as a message. With one, the last item is the reply. */
async function deliverItems(
  session: Session,
  message: EventMessage,
  answer: PlainReply | undefined,
  isAckHandledManually: boolean,
  items: AsyncIterable<unknown>,
): Promise<void> {
  let last: unknown;
  const hasEnded = await eachItem(items, session, session.closedSignal, {
    next: (item) => {
      if (answer) last = item;
      else send(session, message, item);
    },
    failed: (error) => iterableFailed(session, message, error),
    isDone: () => !session.open,
  });
  if (answer && hasEnded) deliver(session, message, answer, isAckHandledManually, last);
}

function iterableFailed({ client, context }: Session, { event }: EventMessage, error: unknown): void {
  const exception = exceptionOf(error);
  if (exception === undefined) context.log.error('handler', `The handler of '${shown(event)}' failed`, error);
  void client.emit('exception', exception ?? INTERNAL_ERROR);
}

/** Sends a result unchanged, as `@nestjs/platform-ws` does. If there is no result, it sends nothing. */
function send(session: Session, message: EventMessage, result: unknown): void {
  // One packet may request thousands of large results. Encoding those that cannot be written would be wasted.
  if (!session.isWritable) return;
  try {
    const sent = messageOf(result, session.dialect.protocol);
    if (sent !== undefined) session.sink.write(MessageFrames.of(sent).for(session.dialect.protocol), false);
  } catch (reason) {
    logUnsendable(session, message, reason);
    refuse(session, INTERNAL_ERROR.message);
  }
}

/** Nest passes a handler's error to an exception filter. Here the filter itself has thrown. */
function filterFailed(session: Session, { event }: EventMessage, error: unknown): void {
  session.context.log.error(
    'filter',
    `The exception filter for the handler of '${shown(event)}' failed`,
    error,
  );
  refuse(session, INTERNAL_ERROR.message);
}

function logUnsendable(session: Session, { event }: EventMessage, reason: unknown): void {
  const what = `The output of the handler of '${shown(event)}' cannot be encoded as ${session.dialect.protocol.name}`;
  session.context.log.error('result', what, reason);
}

function takeResponse(
  session: Session,
  { id, outcome, value }: Extract<ClientMessage, { kind: 'response' }>,
): void {
  if (session.context.router.invocations.respond(session, id, { outcome, value })) return;
  refuse(session, `The connection '${session.id}' has no pending invocation with the id '${id}'.`);
}

function refuse({ client }: Session, message: string): void {
  client.emit('exception', { status: 'error', message });
}

/** Replies to the event `ping`, unless a gateway handles it. Scripts in browsers cannot send the ping frames of WebSocket. */
function pong(session: Session, message: EventMessage, answer: PlainReply | undefined): void {
  if (answer) answer.result('pong');
  else send(session, message, { event: 'pong' });
}

function shown(event: unknown): string {
  if (typeof event === 'object' && event !== null) return 'an object';
  return String(event).slice(0, SHOWN_EVENT_CHARACTERS);
}
