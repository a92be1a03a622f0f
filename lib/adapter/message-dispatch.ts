import { Logger } from '@nestjs/common';
import { isObservable, lastValueFrom, type Observable, Subject, takeUntil } from 'rxjs';
import { frameContext } from '../broadcast/frame-context.js';
import { type ClientMessage, readClientMessage } from '../protocol/client-message.js';
import { MessageFrames } from '../protocol/message-frames.js';
import { Delivery } from '../routing/delivery.js';
import type { ClientSession } from './client-session.js';
import { FrameAnswer } from './frame-answer.js';

const logger = new Logger('RedisBackplaneAdapter');
const SHOWN_EVENT_CHARACTERS = 100;

type EventMessage = Extract<ClientMessage, { kind: 'event' }>;

/** Takes one message of a client to its handler and the handler's result back, or to whoever awaits it. Never rejects. */
export async function dispatchMessage(session: ClientSession, bytes: Buffer): Promise<void> {
  const message = read(session, bytes);
  try {
    if (message.kind === 'event') await handleEvent(session, message);
    else if (message.kind === 'answer') takeAnswer(session, message);
    else refuse(session, message.reason);
  } catch (error) {
    // An exception filter of the user's that throws itself, or a result that has no form in the client's protocol.
    logger.error(error);
    refuse(session, 'Internal server error');
  }
}

function read({ local }: ClientSession, bytes: Buffer): ClientMessage {
  try {
    return readClientMessage(local.protocol.decode(bytes));
  } catch {
    return { kind: 'invalid', reason: `A message must be ${local.protocol.name}.` };
  }
}

async function handleEvent(session: ClientSession, message: EventMessage): Promise<void> {
  if (message.id === undefined) return run(session, message, undefined);
  const answer = new FrameAnswer(session.local, message.id);
  const context = { connectionId: session.client.id, fail: (error: unknown) => answer.error(error) };
  await frameContext.run(context, () => run(session, message, answer));
}

async function run(
  session: ClientSession,
  { event, data }: EventMessage,
  answer: FrameAnswer | undefined,
): Promise<void> {
  const handler = session.handler(event);
  if (!handler) return refuse(session, `There is no handler for the event '${shown(event)}'.`);
  // What a handler throws ends in Nest's exception filter, which emits `exception` to the client.
  const ack = (result: unknown): void => answer?.result(result);
  const result: unknown = await handler.callback(data, handler.isAckHandledManually ? ack : event);
  if (answer) await answerWith(session, result, answer, handler.isAckHandledManually);
  else if (isObservable(result)) result.pipe(takeUntil(closed(session))).subscribe(streamTo(session));
  else send(session, result);
}

/** With an id the client gets one answer: of an Observable the last value. */
async function answerWith(
  session: ClientSession,
  result: unknown,
  answer: FrameAnswer,
  manually: boolean,
): Promise<void> {
  const last = isObservable(result)
    ? await lastValueFrom(result.pipe(takeUntil(closed(session))), { defaultValue: undefined })
    : result;
  if (!manually) answer.result(last);
}

function streamTo(session: ClientSession) {
  return {
    next: (value: unknown) => send(session, value),
    // Nest has caught what the handler's stream throws: this is an exception filter that throws itself.
    error: (error: unknown) => logger.error(error),
  };
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
  const end = new Subject<void>();
  session.onDisconnect(() => end.next());
  return end;
}

function shown(event: unknown): string {
  return (typeof event === 'string' ? event : JSON.stringify(event)).slice(0, SHOWN_EVENT_CHARACTERS);
}
