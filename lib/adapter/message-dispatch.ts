import { Logger } from '@nestjs/common';
import { isObservable } from 'rxjs';
import { Delivery } from '../routing/delivery.js';
import { MessageFrames } from '../protocol/message-frames.js';
import type { ClientSession } from './client-session.js';

const logger = new Logger('RedisBackplaneAdapter');

/** Takes one message of a client to its handler, and the handler's result back. Never rejects. */
export async function dispatchMessage(session: ClientSession, bytes: Buffer): Promise<void> {
  const message = decode(session, bytes);
  if (!message) return refuse(session, 'The message is not of the form { "event", "data" }.');
  const handler = session.handler(message.event);
  if (!handler)
    return refuse(session, `There is no handler for the event '${String(message.event).slice(0, 100)}'.`);
  try {
    // What a handler throws ends in Nest's exception filter, which emits `exception` to the client.
    reply(session, await handler.callback(message.data, message.event));
  } catch (error) {
    // A filter of the user's that throws itself.
    logger.error(error);
    refuse(session, 'Internal server error');
  }
}

interface ClientMessage {
  readonly event: unknown;
  readonly data?: unknown;
}

function decode({ local }: ClientSession, bytes: Buffer): ClientMessage | undefined {
  try {
    const message = local.protocol.decode(bytes);
    return typeof message === 'object' && message !== null && 'event' in message ? message : undefined;
  } catch {
    return undefined;
  }
}

function reply(session: ClientSession, result: unknown): void {
  if (!isObservable(result)) return send(session, result);
  const subscription = result.subscribe({
    next: (value) => send(session, value),
    error: (error: unknown) => logger.error(error),
  });
  session.onDisconnect(() => subscription.unsubscribe());
}

/** As in `@nestjs/platform-ws`: a result is sent as it is, and none where there is none. */
function send({ local }: ClientSession, result: unknown): void {
  if (result === undefined || result === null || result instanceof Delivery) return;
  local.sink.write(MessageFrames.of(result).for(local.protocol), false);
}

function refuse({ client }: ClientSession, message: string): void {
  void client.emit('exception', { status: 'error', message });
}
