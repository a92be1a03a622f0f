import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';

/** A stream that a handler returns. */
export interface ReturnedStream {
  readonly items: AsyncIterable<unknown>;
  /** Whether somebody ended it. None of the streams ends by itself. */
  readonly hasEnded: () => boolean;
}

/** One stream of each kind. */
export const RETURNED_STREAMS: Readonly<Record<string, () => ReturnedStream>> = {
  'a file': () => nodeStream(createReadStream('/dev/zero')),
  'a file that does not exist': () => nodeStream(createReadStream('/does/not/exist')),
  'a Node stream without data': () => nodeStream(new Readable({ read: () => undefined })),
  'a web stream': () => {
    let isCanceled = false;
    const items = new ReadableStream({ cancel: () => void (isCanceled = true) });
    return { items, hasEnded: () => isCanceled };
  },
  'a web stream that fails to end': () => {
    let isCanceled = false;
    const cancel = (): void => {
      isCanceled = true;
      throw new Error('I will not');
    };
    return { items: new ReadableStream({ cancel }), hasEnded: () => isCanceled };
  },
  'an iterator': () => iterator(() => Promise.resolve({ done: true, value: undefined })),
  'an iterator that fails to end': () =>
    iterator(() => {
      throw new Error('I will not');
    }),
};

function nodeStream(items: Readable): ReturnedStream {
  return { items, hasEnded: () => items.closed };
}

function iterator(end: () => Promise<IteratorResult<unknown>>): ReturnedStream {
  let isReturned = false;
  const items = {
    next: () => new Promise<never>(() => undefined),
    return: () => {
      isReturned = true;
      return end();
    },
  };
  return { items: { [Symbol.asyncIterator]: () => items }, hasEnded: () => isReturned };
}
