import { finalize, isObservable, lastValueFrom, type Observable, ReplaySubject, takeUntil, tap } from 'rxjs';
import type { RawData } from 'ws';
import { frameContext, pendingStreams } from '../broadcast/frame-context.js';
import type { ClientMessage } from '../protocol/client-message.js';
import { MessageFrames } from '../protocol/message-frames.js';
import { readClientFrame } from '../protocol/read-client-frame.js';
import { Delivery } from '../routing/delivery.js';
import type { ClientSession } from './client-session.js';
import { FrameAnswer } from './frame-answer.js';
import { LimitedLog } from './limited-log.js';

const log = new LimitedLog('RedisBackplaneAdapter');
const SHOWN_EVENT_CHARACTERS = 100;

type EventMessage = Extract<ClientMessage, { kind: 'event' }>;

/** Takes one message of a client to its handler and the handler's result back, or to whoever awaits it. Never throws. */
export function receiveMessage(session: ClientSession, data: RawData): void {
  const message = readClientFrame(session.local.protocol, toBuffer(data), session.payloadLimits);
  // A handler may be waiting for just this answer: it never queues.
  if (message.kind === 'answer') takeAnswer(session, message);
  else session.enqueue(message, (next) => handleMessage(session, next));
}

async function handleMessage(session: ClientSession, message: ClientMessage): Promise<void> {
  if (message.kind === 'event') await handleEvent(session, message);
  else if (message.kind === 'invalid') refuse(session, message.reason);
}

async function handleEvent(session: ClientSession, message: EventMessage): Promise<void> {
  if (message.id === undefined) return handled(session, () => run(session, message, undefined));
  const answer = new FrameAnswer(session.local, message.id);
  const context = { connectionId: session.client.id, fail: (error: unknown) => answer.error(error) };
  await frameContext.run(context, () => handled(session, () => run(session, message, answer)));
}

/** What Nest does not catch: an exception filter that throws itself, a result that has no form in the client's protocol. */
async function handled(session: ClientSession, call: () => void | Promise<void>): Promise<void> {
  try {
    await call();
  } catch (error) {
    log.error('result', 'A message could not be answered', error);
    refuse(session, 'Internal server error');
  }
}

async function run(
  session: ClientSession,
  { event, data }: EventMessage,
  answer: FrameAnswer | undefined,
): Promise<void> {
  const handler = session.handler(event);
  if (!handler && event === 'ping') return pong(session, answer);
  if (!handler) return refuse(session, `There is no handler for the event '${shown(event)}'.`);
  // What a handler throws ends in Nest's exception filter, which emits `exception` to the client.
  const ack = (result: unknown): void => answer?.result(result);
  const result: unknown = await handler.callback(data, handler.isAckHandledManually ? ack : event);
  if (answer) await answerWith(session, result, answer, handler.isAckHandledManually);
  else if (isObservable(result)) stream(session, result);
  else send(session, result);
}

/** With an id the client gets one answer: of an Observable the last value. */
async function answerWith(
  session: ClientSession,
  result: unknown,
  answer: FrameAnswer,
  manually: boolean,
): Promise<void> {
  const last = isObservable(result) ? await lastOf(session, result, answer) : result;
  if (!manually) answer.result(last);
}

/** Nest ends a stream that fails, after its filter has emitted `exception`: that is the answer then. */
function lastOf(session: ClientSession, stream$: Observable<unknown>, answer: FrameAnswer): Promise<unknown> {
  const { id } = session.client;
  pendingStreams.opened(id);
  const complete = (): void => {
    const failure = pendingStreams.claim(id);
    if (failure) answer.error(failure.error);
  };
  const watched$ = stream$.pipe(
    tap({ complete }),
    takeUntil(closed(session)),
    finalize(() => pendingStreams.closed(id)),
  );
  return lastValueFrom(watched$, { defaultValue: undefined });
}

/** Without an id each value of an Observable is a message. */
function stream(session: ClientSession, result: Observable<unknown>): void {
  result.pipe(takeUntil(closed(session))).subscribe({
    next: (value) => void handled(session, () => send(session, value)),
    // Nest has caught what the handler's stream throws: this is an exception filter that throws itself.
    error: (error: unknown) => log.error('stream', 'A stream failed', error),
  });
}

/** As in `@nestjs/platform-ws`: a result is sent as it is, and none where there is none. */
function send({ local }: ClientSession, result: unknown): void {
  if (result === undefined || result === null || result instanceof Delivery) return;
  local.sink.write(MessageFrames.of(result).for(local.protocol), false);
}

function takeAnswer(
  session: ClientSession,
  { id, outcome, value }: Extract<ClientMessage, { kind: 'answer' }>,
): void {
  if (session.answer(id, outcome, value)) return;
  refuse(session, `The id '${id}' is not valid for the connection '${session.client.id}'.`);
}

function refuse({ client }: ClientSession, message: string): void {
  void client.emit('exception', { status: 'error', message });
}

function closed(session: ClientSession): Observable<void> {
  const end = new ReplaySubject<void>(1);
  session.onDisconnect(() => end.next());
  return end;
}

/** Browsers cannot see the ping frames of WebSocket: this is one that they can send, unless a gateway handles `ping`. */
function pong(session: ClientSession, answer: FrameAnswer | undefined): void {
  if (answer) answer.result('pong');
  else send(session, { event: 'pong' });
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
