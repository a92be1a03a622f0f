import { WsException } from '@nestjs/websockets';
import { isServerFault, readHttpFailure } from './http-failure.js';
import type { Session } from './session.js';

/** Handles the items of an async iterable. The methods must not throw. */
export interface ItemObserver {
  next(item: unknown): void;
  /** The iterable has thrown. Nest's exception filters do not see that. */
  failed(error: unknown): void;
  /** Whether the client needs no more items. */
  readonly isDone: () => boolean;
}

export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** What a client gets for an error that Nest's filters have not seen; `undefined` for an internal error. */
export function exceptionOf(error: unknown): unknown {
  const failure = readHttpFailure(error);
  if (failure && !isServerFault(failure)) return { status: 'error', ...failure };
  if (!(error instanceof WsException)) return undefined;
  const content = error.getError();
  return typeof content === 'string' ? { status: 'error', message: content } : content;
}

/**
 * Passes on the items of an async iterable that a handler returned, and lets it wait for a client that reads slowly. Resolves
 * when it has ended, or when the signal is aborted: then an iterable that waits for something else is not waited for. Never
 * rejects.
 *
 * @returns whether it has ended by itself, and without an error
 */
export async function eachItem(
  items: AsyncIterable<unknown>,
  session: Session,
  signal: AbortSignal,
  observer: ItemObserver,
): Promise<boolean> {
  const iterator = iteratorOf(items, observer);
  if (!iterator) return false;
  let cancel: () => void = () => undefined;
  const canceled = new Promise<false>((resolve) => {
    cancel = () => {
      resolve(false);
      void returned(iterator, observer);
    };
  });
  if (signal.aborted) cancel();
  else signal.addEventListener('abort', cancel, { once: true });
  const hasEnded = await Promise.race([passOn(iterator, session, signal, observer), canceled]);
  signal.removeEventListener('abort', cancel);
  return hasEnded;
}

/** `undefined` if the iterable cannot be read, for example because it is a stream that somebody else reads. */
function iteratorOf(
  items: AsyncIterable<unknown>,
  observer: ItemObserver,
): AsyncIterator<unknown> | undefined {
  try {
    return items[Symbol.asyncIterator]();
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
  try {
    for (let step = await iterator.next(); !step.done; step = await iterator.next()) {
      if (signal.aborted) return false;
      observer.next(step.value);
      if (observer.isDone()) {
        await returned(iterator, observer);
        return false;
      }
      if (sink.isBehind) await sink.drained();
    }
    return true;
  } catch (error) {
    if (!signal.aborted) observer.failed(error);
    return false;
  }
}

/** Tells the iterable that no more items are needed. */
async function returned(iterator: AsyncIterator<unknown>, observer: ItemObserver): Promise<void> {
  try {
    await iterator.return?.();
  } catch (error) {
    observer.failed(error);
  }
}
