import { isObservable, type Observable } from 'rxjs';
import type { RawData } from 'ws';
import { INTERNAL_ERROR } from '../broadcast/exception-payload.js';
import type { ClientMessage } from '../protocol/client-message.js';
import { MessageFrames } from '../protocol/message-frames.js';
import { readClientFrame } from '../protocol/read-client-frame.js';
import { FrameAnswer } from './frame-answer.js';
import { messageOf } from './handler-result.js';
import { failingWithin } from './nest-stream.js';
import type { Session } from './session.js';

const SHOWN_EVENT_CHARACTERS = 100;

type EventMessage = Extract<ClientMessage, { kind: 'event' }>;

/** Takes one message of a client to its handler and the result back, or a reply to its pending invoke. Never throws. */
export function receiveMessage(session: Session, data: RawData): void {
  const message = readClientFrame(session.protocol, toBuffer(data), session.context.edge.payload);
  // A handler may be waiting for just this answer: it never queues.
  if (message.kind === 'response') takeAnswer(session, message);
  else session.enqueue(message, (next) => handleMessage(session, next));
}

/** Resolves when the handler has ended, and the stream that it returned; never rejects. */
async function handleMessage(session: Session, message: ClientMessage): Promise<void> {
  try {
    if (message.kind === 'event') await handleEvent(session, message);
    else if (message.kind === 'invalid') refuse(session, message.reason);
  } catch (error) {
    // Nothing that is known gets here; what did would end the process, and hold up the client's other messages.
    session.context.log.error('message', 'A message could not be handled', error);
    refuse(session, INTERNAL_ERROR.message);
  }
}

function handleEvent(session: Session, message: EventMessage): Promise<void> {
  if (message.id === undefined) return handle(session, message, undefined);
  const answer = new FrameAnswer(session, message.id, (reason) => logUnsendable(session, message, reason));
  return answer.run(handle, session, message, answer);
}

async function handle(
  session: Session,
  message: EventMessage,
  answer: FrameAnswer | undefined,
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
  if (!isObservable(result)) return deliver(session, message, answer, handler.isAckHandledManually, result);
  if (!answer) return sendEach(session, message, result);
  return answerWithLast(session, message, answer, handler.isAckHandledManually, result);
}

/** What `@Ack()` gives a handler. */
function ackOf(answer: FrameAnswer | undefined): (value: unknown) => void {
  return (value) => answer?.result(value);
}

/** With an id the result is the answer, unless the handler answers by `@Ack()`; without one it is a message. */
function deliver(
  session: Session,
  message: EventMessage,
  answer: FrameAnswer | undefined,
  manually: boolean,
  result: unknown,
): void {
  if (!answer) send(session, message, result);
  else if (!manually) answer.result(result);
}

/** Without an id each value of an Observable is a message. */
function sendEach(session: Session, message: EventMessage, stream$: Observable<unknown>): Promise<void> {
  return session.follow(stream$, {
    next: (value) => send(session, message, value),
    error: (error) => filterFailed(session, message, error),
    complete: () => undefined,
  });
}

/**
 * With an id the last value of an Observable is the answer. Nest completes a stream that fails, after its filter has emitted
 * `exception`: that was the answer then.
 */
function answerWithLast(
  session: Session,
  message: EventMessage,
  answer: FrameAnswer,
  manually: boolean,
  stream$: Observable<unknown>,
): Promise<void> {
  let last: unknown;
  return session.follow(failingWithin(answer, stream$), {
    next: (value) => (last = value),
    error: (error) => filterFailed(session, message, error),
    complete: () => deliver(session, message, answer, manually, last),
  });
}

/** As in `@nestjs/platform-ws`: a result is sent as it is, and none where there is none. */
function send(session: Session, message: EventMessage, result: unknown): void {
  // One packet may ask for thousands of large results: what cannot be written is not encoded either.
  if (!session.isWritable) return;
  try {
    const sent = messageOf(result, session.protocol);
    if (sent !== undefined) session.sink.write(MessageFrames.of(sent).for(session.protocol), false);
  } catch (reason) {
    logUnsendable(session, message, reason);
    refuse(session, INTERNAL_ERROR.message);
  }
}

/** Nest takes what a handler throws to an exception filter: this is an exception filter that throws itself. */
function filterFailed(session: Session, { event }: EventMessage, error: unknown): void {
  session.context.log.error(
    'filter',
    `The exception filter for the handler of '${shown(event)}' failed`,
    error,
  );
  refuse(session, INTERNAL_ERROR.message);
}

function logUnsendable(session: Session, { event }: EventMessage, reason: unknown): void {
  const what = `What the handler of '${shown(event)}' answered cannot be encoded as ${session.protocol.name}`;
  session.context.log.error('result', what, reason);
}

function takeAnswer(
  session: Session,
  { id, outcome, value }: Extract<ClientMessage, { kind: 'response' }>,
): void {
  if (session.context.router.invocations.respond(session, id, { outcome, value })) return;
  refuse(session, `The id '${id}' is not valid for the connection '${session.id}'.`);
}

function refuse({ client }: Session, message: string): void {
  void client.emit('exception', { status: 'error', message });
}

/** Browsers cannot see the ping frames of WebSocket: this is one that they can send, unless a gateway handles `ping`. */
function pong(session: Session, message: EventMessage, answer: FrameAnswer | undefined): void {
  if (answer) answer.result('pong');
  else send(session, message, { event: 'pong' });
}

/** A message's bytes as one Buffer: `ws` gives one for every frame, unless told otherwise. */
function toBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

function shown(event: unknown): string {
  if (typeof event === 'object' && event !== null) return 'an object';
  return String(event).slice(0, SHOWN_EVENT_CHARACTERS);
}
