import { beforeEach, describe, expect, it } from 'vitest';
import { Subscriptions } from '../../lib/bus/subscriptions.js';
import {
  FakeTransport,
  refusal,
  settled as turnOfLoop,
  stateOf,
  subscribedAfter,
} from '../support/fake-transport.js';
import { ToldOfSubscriptions } from '../support/subscription-news.js';

let transport: FakeTransport;
let subscriptions: Subscriptions;
let reports: ToldOfSubscriptions;
let now: number;

beforeEach(async () => {
  transport = new FakeTransport();
  reports = new ToldOfSubscriptions();
  now = 0;
  subscriptions = new Subscriptions(transport, reports, () => now);
  await subscriptions.restore();
});

/** Reports follow the replies by one turn of the event loop. */
async function settled(): Promise<void> {
  await turnOfLoop();
  await turnOfLoop();
}

/** Calls `look`, as `ServerBus` does a few times a second, after a pause that is long enough for the next attempt. */
async function look(): Promise<void> {
  now += 1000;
  subscriptions.look(0);
  await settled();
}

/** Answers like a Redis that denies these channels: a command with one of them is refused as a whole. */
async function answerRefusing(...forbidden: string[]): Promise<void> {
  for (let index = 0; index < transport.commands.length; index++) {
    const { channels, reply } = transport.command(index);
    if (channels.some((channel) => forbidden.includes(channel))) reply.reject(refusal());
    else reply.resolve();
    await settled();
  }
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `c${index}`);

describe('a refusal', () => {
  it('of a batch is bisected until only the refused channels are denied', async () => {
    const channels = numbered(100);
    const calls = channels.map((channel) => stateOf(subscriptions.want(channel)));
    await settled();
    await answerRefusing('c7', 'c63');
    const states = calls.map((state) => state());
    expect(channels.filter((_, index) => states[index] === 'rejected')).toEqual(['c7', 'c63']);
    expect(states.filter((state) => state === 'resolved')).toHaveLength(98);
    expect(reports.denials).toEqual([['c7', 'c63']]);
    expect(subscriptions.denied).toEqual({ count: 2, first: 'c7' });
    // One refusal among 100 channels costs at most two commands per halving.
    expect(transport.commands.length).toBeLessThan(2 * 2 * 8);
  });

  it('rejects with NotSubscribedError, which names the channel and the cause', async () => {
    const call = subscriptions.want('a');
    const rejected = expect(call).rejects.toMatchObject({
      name: 'NotSubscribedError',
      channel: 'a',
      cause: { name: 'SubscriptionRefusedError' },
    });
    await settled();
    await answerRefusing('a');
    await rejected;
  });

  it('is retried after a pause, and subscribed once it is permitted', async () => {
    const call = subscriptions.want('a').catch(() => undefined);
    await settled();
    await answerRefusing('a');
    await call;
    await look();
    expect(transport.log).toEqual(['subscribe a', 'subscribe a']);
    transport.command(1).reply.resolve();
    await settled();
    expect(subscriptions.denied.count).toBe(0);
    await look();
    expect(transport.commands).toHaveLength(2);
  });

  it('of a channel that is no longer wanted is forgotten', async () => {
    const call = subscriptions.want('a').catch(() => undefined);
    await settled();
    await answerRefusing('a');
    await call;
    subscriptions.unwant('a');
    await look();
    expect(subscriptions.denied.count).toBe(0);
    expect(subscribedAfter(transport.commands.slice(1))).toEqual([]);
  });

  it('that lasts is reported once, however often it is retried', async () => {
    const call = subscriptions.want('a').catch(() => undefined);
    for (let attempt = 0; attempt < 3; attempt++) {
      await settled();
      transport.command(-1).reply.reject(refusal());
      await settled();
      await look();
    }
    await call;
    expect(reports.denials).toEqual([['a']]);
  });

  it('of a channel that was heard before is reported with its deafness once it is granted', async () => {
    const call = subscriptions.want('a');
    await settled();
    transport.command(0).reply.resolve();
    await call;
    subscriptions.linkLost(new Error('the connection broke'), 1000);
    void subscriptions.restore();
    await settled();
    transport.command(1).reply.reject(refusal());
    await settled();
    expect([reports.denials, reports.grants]).toEqual([[['a']], []]);
    subscriptions.linkLost(new Error('the connection broke again'), 9000);
    void subscriptions.restore();
    await settled();
    transport.command(2).reply.resolve();
    await settled();
    expect(reports.grants).toEqual([[['a'], 1000]]);
  });

  it('that comes back after a grant is reported again, and so is its deafness', async () => {
    const call = subscriptions.want('a');
    await settled();
    transport.command(-1).reply.resolve();
    await call;
    for (const since of [1000, 5000]) {
      subscriptions.linkLost(new Error('the connection broke'), since);
      void subscriptions.restore();
      await settled();
      transport.command(-1).reply.reject(refusal());
      await settled();
      expect(subscriptions.denied).toEqual({ count: 1, first: 'a' });
      await look();
      transport.command(-1).reply.resolve();
      await settled();
      expect(subscriptions.denied.count).toBe(0);
    }
    expect(reports.denials).toEqual([['a'], ['a']]);
    expect(reports.grants).toEqual([
      [['a'], 1000],
      [['a'], 5000],
    ]);
  });

  it('of a channel that was never heard is reported from when it was first wanted, once it is granted', async () => {
    now = 500;
    const call = subscriptions.want('a').catch(() => undefined);
    await settled();
    await answerRefusing('a');
    await call;
    await look();
    transport.command(1).reply.resolve();
    await settled();
    expect(reports.grants).toEqual([[['a'], 500]]);
  });

  it('of a channel that is no longer wanted is not reported', async () => {
    void subscriptions.want('a');
    await settled();
    subscriptions.unwant('a');
    await answerRefusing('a');
    expect([reports.denials, subscriptions.denied.count]).toEqual([[], 0]);
  });

  it('of a batch does not subscribe a channel that is no longer wanted', async () => {
    const calls = ['a', 'b', 'c'].map((channel) => subscriptions.want(channel).catch(() => undefined));
    await settled();
    subscriptions.unwant('a');
    await settled();
    await answerRefusing('c');
    await Promise.all(calls);
    // The first command was refused as a whole, so it subscribed nothing.
    const taken = transport.commands.slice(1).filter(({ channels }) => !channels.includes('c'));
    expect(subscribedAfter(taken)).toEqual(['b']);
  });
});
