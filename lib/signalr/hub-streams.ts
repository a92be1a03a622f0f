import { EMPTY, fromEvent, type Observable, takeUntil, takeWhile } from 'rxjs';
import { eachItem, isAsyncIterable } from '../adapter/async-items.js';
import { failingWithin } from '../adapter/nest-stream.js';
import type { Session } from '../adapter/session.js';
import type { HubReply } from './hub-reply.js';

/** The call that a stream belongs to. */
export interface StreamCall {
  readonly session: Session;
  readonly reply: HubReply;
  readonly signal: AbortSignal;
  /** Handles an error that did not pass Nest's exception filters. */
  readonly failed: (error: unknown) => void;
}

/**
 * Sends the values of an Observable as items. An Observable cannot pause, so a client that reads too slowly is closed. If
 * an interceptor runs, Nest wraps an async iterable in an Observable. Such a value is sent item by item. Never rejects.
 */
export async function sendValues(stream$: Observable<unknown>, call: StreamCall): Promise<void> {
  const { session, reply, signal, failed } = call;
  let iterables: Promise<unknown> = Promise.resolve();
  const items$ = untilCanceled(failingWithin(reply, stream$), signal);
  // Once the client's buffer is full, no further value can be sent. The last value is included, because an async iterable
  // must be ended.
  const wanted$ = items$.pipe(takeWhile(() => reply.isOpen && session.isWritable, true));
  await session.follow(wanted$, {
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

/** Completes the stream when the signal aborts. */
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
