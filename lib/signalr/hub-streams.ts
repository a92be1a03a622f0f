import { type Observable, Subject, takeUntil } from 'rxjs';
import { failingWithin } from '../adapter/nest-stream.js';
import type { Session } from '../adapter/session.js';
import type { HubReply } from './hub-reply.js';

/** What a stream needs to know of its call. */
export interface StreamCall {
  readonly session: Session;
  readonly reply: HubReply;
  readonly signal: AbortSignal;
  /** Handles an error that no filter of Nest has seen. */
  readonly failed: (error: unknown) => void;
}

export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/**
 * Sends the values of an Observable as items. It cannot pause, so a client that reads too slowly is closed. With an
 * interceptor, Nest passes an async iterable on as a value of an Observable, and its items are sent. Never rejects.
 */
export async function sendValues(stream$: Observable<unknown>, call: StreamCall): Promise<void> {
  const { session, reply, signal, failed } = call;
  const canceled = new Subject<void>();
  signal.addEventListener('abort', () => canceled.next(), { once: true });
  let iterables = Promise.resolve();
  await session.follow(failingWithin(reply, stream$).pipe(takeUntil(canceled)), {
    next: (value) => {
      if (isAsyncIterable(value)) iterables = iterables.then(() => sendItems(value, call));
      else reply.item(value);
    },
    error: failed,
    complete: () => undefined,
  });
  await iterables;
  reply.end();
}

/** Sends the items of an async iterable, and lets it wait for a client that reads slowly. Never rejects. */
export async function sendItems(items: AsyncIterable<unknown>, call: StreamCall): Promise<void> {
  const { session, reply, signal, failed } = call;
  const iterator = items[Symbol.asyncIterator]();
  // An iterator may wait for something that never happens, and must not keep the call open.
  const canceled = new Promise<void>((resolve) => {
    const cancel = (): void => {
      void Promise.resolve(iterator.return?.()).catch(failed);
      resolve();
    };
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel, { once: true });
  });
  const sent = sendAll(iterator, { session, reply, signal, failed });
  await Promise.race([sent, canceled]);
  reply.end();
}

async function sendAll(
  iterator: AsyncIterator<unknown>,
  { session, reply, signal, failed }: StreamCall,
): Promise<void> {
  try {
    for (let step = await iterator.next(); !step.done; step = await iterator.next()) {
      if (signal.aborted || !reply.isOpen) return;
      reply.item(step.value);
      if (session.sink.isBehind) await session.sink.drained();
    }
  } catch (error) {
    if (!signal.aborted) failed(error);
  }
}
