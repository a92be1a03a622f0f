import { setImmediate as nextTurn } from 'node:timers/promises';
import { WsException } from '@nestjs/websockets';
import { discard, iteratorOf } from './discard.js';
import { isServerFault, readHttpFailure } from './http-failure.js';
import type { Session } from './session.js';

/** How long the items of one iterable may keep the event loop busy before everything else gets a turn. */
const MAX_TURN_MS = 10;

/** Handles the items of an async iterable. The methods must not throw. */
export interface ItemObserver {
  next(item: unknown): void;
  /** Called when the iterable has thrown. Nest's exception filters do not see such an error. */
  failed(error: unknown): void;
  /** Whether the client needs no further items. */
  readonly isDone: () => boolean;
}

/** Never throws, although the operator `in` does for a revoked proxy. */
export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  try {
    return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
  } catch {
    return false;
  }
}

/**
 * What a client gets for an error that did not pass Nest's exception filters; `undefined` for an internal error. Never
 * throws.
 */
export function exceptionOf(error: unknown): unknown {
  const failure = readHttpFailure(error);
  if (failure && !isServerFault(failure)) return { status: 'error', ...failure };
  try {
    if (!(error instanceof WsException)) return undefined;
    const content = error.getError();
    return typeof content === 'string' ? { status: 'error', message: content } : content;
  } catch {
    // The error may be a revoked proxy, and an app may override getError().
    return undefined;
  }
}

/**
 * Passes the items of an async iterable that a handler returned to the observer. The iterable waits while the client reads
 * slowly. Resolves when the iterable has ended or the signal aborts, even if the iterable does not react to that. Ends the
 * iterable in any case, even if the client needs none of the items. Never rejects.
 *
 * @returns whether the iterable ended by itself and without an error
 */
export async function eachItem(
  items: AsyncIterable<unknown>,
  session: Session,
  signal: AbortSignal,
  observer: ItemObserver,
): Promise<boolean> {
  if (signal.aborted || observer.isDone()) {
    discard(items, (error) => observer.failed(error));
    return false;
  }
  const iterator = started(items, observer);
  if (!iterator) return false;
  let cancel: () => void = () => undefined;
  const canceled = new Promise<false>((resolve) => {
    cancel = () => {
      resolve(false);
      void returned(iterator, observer);
    };
  });
  signal.addEventListener('abort', cancel, { once: true });
  const hasEnded = await Promise.race([passOn(iterator, session, signal, observer), canceled]);
  signal.removeEventListener('abort', cancel);
  return hasEnded;
}

/** `undefined` if the iterable cannot be read. */
function started(items: AsyncIterable<unknown>, observer: ItemObserver): AsyncIterator<unknown> | undefined {
  try {
    return iteratorOf(items);
  } catch (error) {
    observer.failed(error);
    return undefined;
  }
}

async function passOn(
  iterator: AsyncIterator<unknown>,
  { sink }: Session,
  signal: AbortSignal,
  observer: ItemObserver,
): Promise<boolean> {
  let turnBeganAt = performance.now();
  try {
    for (let step = await iterator.next(); !step.done; step = await iterator.next()) {
      if (signal.aborted) return false;
      observer.next(step.value);
      if (observer.isDone()) {
        // Not awaited, because the iterable may never react, and the call must end.
        void returned(iterator, observer);
        return false;
      }
      // An iterable whose items are ready at once would keep the event loop in microtasks for as long as it goes on.
      if (!sink.isBehind && performance.now() - turnBeganAt < MAX_TURN_MS) continue;
      await (sink.isBehind ? sink.drained() : nextTurn());
      turnBeganAt = performance.now();
    }
    return true;
  } catch (error) {
    if (!signal.aborted) observer.failed(error);
    return false;
  }
}

/** Tells the iterable that no further items are needed. */
async function returned(iterator: AsyncIterator<unknown>, observer: ItemObserver): Promise<void> {
  try {
    await iterator.return?.();
  } catch (error) {
    observer.failed(error);
  }
}
