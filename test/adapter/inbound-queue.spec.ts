import { beforeEach, describe, expect, it } from 'vitest';
import { InboundQueue } from '../../lib/adapter/inbound-queue.js';
import { Deferred } from '../../lib/bus/deferred.js';
import { settled } from '../support/fake-transport.js';
import { turn } from '../support/test-farm.js';

let handled: number[];
let tooMany: string[];
let held: Deferred | undefined;
let queue: InboundQueue;

beforeEach(() => {
  [handled, tooMany, held] = [[], [], undefined];
  queue = new InboundQueue(
    { parallelInvocations: 2, maxPendingMessages: 3, maxMessagesPerSecond: Infinity },
    (handle) => handle(),
    (reason) => tooMany.push(reason),
  );
});

const push = (count: number): void =>
  Array.from({ length: count }, (_, index) => index).forEach((n) =>
    queue.push(async () => {
      handled.push(n);
      await held?.promise;
    }),
  );

describe('pending messages', () => {
  it('are counted at the end of the turn, so handlers that have ended by then do not count', async () => {
    push(100);
    await turn();
    expect([handled.length, tooMany]).toEqual([100, []]);
  });

  it('are counted again in a later turn, even if the first count was within the limit', async () => {
    push(100);
    await turn();
    held = new Deferred();
    push(4);
    await turn();
    expect(tooMany).toEqual(['Too many messages are pending']);
    held.resolve();
    await settled();
    // The message above the limit was never handled.
    expect(handled).toHaveLength(100 + 3);
  });

  it('may reach the limit', async () => {
    held = new Deferred();
    push(3);
    await turn();
    expect(tooMany).toEqual([]);
    expect(handled).toHaveLength(2);
    held.resolve();
  });
});
