/** The parts of a Node stream that this file needs. A type guard keeps `node:stream` out of the imports. */
interface NodeStream {
  on(event: 'error', listener: () => void): unknown;
  destroy(): unknown;
}

/** The part of a web `ReadableStream` that this file needs. */
interface WebStream {
  getReader(): { read(): Promise<IteratorResult<unknown>>; cancel(): Promise<unknown> };
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * Ends a stream that nobody is going to read, so that it releases its file or its socket. Never throws.
 *
 * @param failed called with the error if the stream refuses to end; must not throw
 */
export function discard(items: AsyncIterable<unknown>, failed: (error: unknown) => void = ignore): void {
  endOf(items).catch(failed);
}

/**
 * An iterator whose `return()` ends a Node stream or a web stream at once. That of their own iterators waits while a
 * `next()` is pending, and does nothing before the first one.
 *
 * @throws if the iterable cannot be read, for example because it is a stream that already has a reader
 */
export function iteratorOf(items: AsyncIterable<unknown>): AsyncIterator<unknown> {
  if (isWebStream(items)) return readerOf(items);
  const iterator: unknown = items[Symbol.asyncIterator]();
  if (!isIterator(iterator)) throw new TypeError('[Symbol.asyncIterator]() returned no iterator.');
  return isNodeStream(items) ? destroying(items, iterator) : iterator;
}

async function endOf(items: AsyncIterable<unknown>): Promise<void> {
  await iteratorOf(items).return?.();
}

function readerOf(stream: WebStream): AsyncIterator<unknown> {
  const reader = stream.getReader();
  return {
    next: () => reader.read(),
    return: async () => {
      await reader.cancel();
      return DONE;
    },
  };
}

function destroying(stream: NodeStream, iterator: AsyncIterator<unknown>): AsyncIterator<unknown> {
  return {
    next: () => iterator.next(),
    return: () => {
      // The stream may fail after this, for example if its file does not exist. Without a listener, the process would crash.
      stream.on('error', ignore);
      stream.destroy();
      return Promise.resolve(DONE);
    },
  };
}

function isIterator(value: unknown): value is AsyncIterator<unknown> {
  return typeof value === 'object' && value !== null && has(value, 'next');
}

function isNodeStream(value: object): value is NodeStream {
  return has(value, 'destroy') && has(value, 'on') && has(value, 'pipe');
}

function isWebStream(value: object): value is WebStream {
  return has(value, 'getReader') && has(value, 'cancel');
}

function has(value: object, method: string): boolean {
  return typeof (value as Partial<Record<string, unknown>>)[method] === 'function';
}

function ignore(): void {
  // Nobody waits for the outcome.
}
