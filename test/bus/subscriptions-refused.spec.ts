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
let told: ToldOfSubscriptions;
let now: number;

beforeEach(async () => {
  transport = new FakeTransport();
  told = new ToldOfSubscriptions();
  now = 0;
  subscriptions = new Subscriptions(transport, told, () => now);
  await subscriptions.restore();
});

/** News of the commands that were answered is told a turn later. */
async function settled(): Promise<void> {
  await turnOfLoop();
  await turnOfLoop();
}

/** As `ServerBus` does a few times a second, after a pause that is long enough for the next attempt. */
async function look(): Promise<void> {
  now += 1000;
  subscriptions.look(0);
  await settled();
}

/** Answers as a Redis that permits all channels but these: one of them in a command refuses the whole. */
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
  it('of a batch is bisected, so that only the refused channels are denied', async () => {
    const channels = numbered(100);
    const wishes = channels.map((channel) => stateOf(subscriptions.want(channel)));
    await settled();
    await answerRefusing('c7', 'c63');
    const states = wishes.map((state) => state());
    expect(channels.filter((_, index) => states[index] === 'rejected')).toEqual(['c7', 'c63']);
    expect(states.filter((state) => state === 'resolved')).toHaveLength(98);
    expect(told.denials).toEqual([['c7', 'c63']]);
    expect(subscriptions.denied).toEqual({ count: 2, first: 'c7' });
    // One refusal in 100 costs at most two commands for each halving.
    expect(transport.commands.length).toBeLessThan(2 * 2 * 8);
  });

  it('rejects with NotSubscribedError, which names the channel and the cause', async () => {
    const wish = subscriptions.want('a');
    const rejected = expect(wish).rejects.toMatchObject({
      name: 'NotSubscribedError',
      channel: 'a',
      cause: { name: 'SubscriptionRefusedError' },
    });
    await settled();
    await answerRefusing('a');
    await rejected;
  });

  it('is tried again after a pause, and subscribed once it is permitted', async () => {
    const wish = subscriptions.want('a').catch(() => undefined);
    await settled();
    await answerRefusing('a');
    await wish;
    await look();
    expect(transport.log).toEqual(['subscribe a', 'subscribe a']);
    transport.command(1).reply.resolve();
    await settled();
    expect(subscriptions.denied.count).toBe(0);
    await look();
    expect(transport.commands).toHaveLength(2);
  });

  it('of a channel that nobody wants any more is nobody’s concern', async () => {
    const wish = subscriptions.want('a').catch(() => undefined);
    await settled();
    await answerRefusing('a');
    await wish;
    subscriptions.unwant('a');
    await look();
    expect(subscriptions.denied.count).toBe(0);
    expect(subscribedAfter(transport.commands.slice(1))).toEqual([]);
  });

  it('that lasts is told once, however often it is asked again', async () => {
    const wish = subscriptions.want('a').catch(() => undefined);
    for (let attempt = 0; attempt < 3; attempt++) {
      await settled();
      transport.command(-1).reply.reject(refusal());
      await settled();
      await look();
    }
    await wish;
    expect(told.denials).toEqual([['a']]);
  });

  it('of a channel that was heard before is told with the time of deafness once it is granted', async () => {
    const wish = subscriptions.want('a');
    await settled();
    transport.command(0).reply.resolve();
    await wish;
    subscriptions.linkLost(new Error('the connection broke'), 1000);
    void subscriptions.restore();
    await settled();
    transport.command(1).reply.reject(refusal());
    await settled();
    expect([told.denials, told.grants]).toEqual([[['a']], []]);
    subscriptions.linkLost(new Error('the connection broke again'), 9000);
    void subscriptions.restore();
    await settled();
    transport.command(2).reply.resolve();
    await settled();
    expect(told.grants).toEqual([[['a'], 1000]]);
  });

  it('that comes a second time, after a grant, is told a second time, and so is the deafness that it ends with', async () => {
    const wish = subscriptions.want('a');
    await settled();
    transport.command(-1).reply.resolve();
    await wish;
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
    expect(told.denials).toEqual([['a'], ['a']]);
    expect(told.grants).toEqual([
      [['a'], 1000],
      [['a'], 5000],
    ]);
  });

  it('of a channel that was never heard is told since it was first wanted, once it is granted', async () => {
    now = 500;
    const wish = subscriptions.want('a').catch(() => undefined);
    await settled();
    await answerRefusing('a');
    await wish;
    await look();
    transport.command(1).reply.resolve();
    await settled();
    expect(told.grants).toEqual([[['a'], 500]]);
  });

  it('of a wish that was taken back meanwhile is told to nobody', async () => {
    void subscriptions.want('a');
    await settled();
    subscriptions.unwant('a');
    await answerRefusing('a');
    expect([told.denials, subscriptions.denied.count]).toEqual([[], 0]);
  });

  it('of a batch does not bring back a channel of it that was unwanted meanwhile', async () => {
    const wishes = ['a', 'b', 'c'].map((channel) => subscriptions.want(channel).catch(() => undefined));
    await settled();
    subscriptions.unwant('a');
    await settled();
    await answerRefusing('c');
    await Promise.all(wishes);
    // The first command was refused as a whole, so it subscribed nothing.
    const taken = transport.commands.slice(1).filter(({ channels }) => !channels.includes('c'));
    expect(subscribedAfter(taken)).toEqual(['b']);
  });
});
