import { EMPTY, fromEvent, type Observable, takeUntil, takeWhile } from 'rxjs';
import { eachItem, isAsyncIterable } from '../adapter/async-items.js';
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

/**
 * Sends the values of an Observable as items. It cannot pause, so a client that reads too slowly is closed. With an
 * interceptor, Nest passes an async iterable on as a value of an Observable, and its items are sent. Never rejects.
 */
export async function sendValues(stream$: Observable<unknown>, call: StreamCall): Promise<void> {
  const { session, reply, signal, failed } = call;
  let iterables: Promise<unknown> = Promise.resolve();
  const items$ = untilCanceled(failingWithin(reply, stream$), signal);
  await session.follow(items$.pipe(takeWhile(() => reply.isOpen)), {
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

/** Completes the stream when the signal is aborted. */
export function untilCanceled<T>(stream$: Observable<T>, signal: AbortSignal): Observable<T> {
  if (signal.aborted) return EMPTY;
  return stream$.pipe(takeUntil(fromEvent(signal, 'abort')));
}

/** Sends the items of an async iterable. Never rejects. */
export async function sendItems(items: AsyncIterable<unknown>, call: StreamCall): Promise<void> {
  const { session, reply, signal, failed } = call;
  await eachItem(items, session, signal, {
    next: (item) => reply.item(item),
    failed,
    isDone: () => !reply.isOpen,
  });
  reply.end();
}
