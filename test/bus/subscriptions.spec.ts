import { beforeEach, describe, expect, it } from 'vitest';
import { NotSubscribedError } from '../../lib/bus/bus.errors.js';
import { Subscriptions } from '../../lib/bus/subscriptions.js';
import { FakeTransport, settled, stateOf, subscribedAfter } from '../support/fake-transport.js';
import { ToldOfSubscriptions } from '../support/subscription-news.js';

const BROKEN = new Error('the connection broke');

let transport: FakeTransport;
let subscriptions: Subscriptions;
let told: ToldOfSubscriptions;

beforeEach(async () => {
  transport = new FakeTransport();
  told = new ToldOfSubscriptions();
  subscriptions = new Subscriptions(transport, told, () => 0);
  await subscriptions.restore();
});

async function subscribed(...channels: string[]): Promise<void> {
  const wishes = channels.map((channel) => subscriptions.want(channel));
  await settled();
  transport.command(-1).reply.resolve();
  await Promise.all(wishes);
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `c${index}`);

describe('wishes of one tick', () => {
  it('share a command, and each resolves when it is acknowledged, not before', async () => {
    const wishes = ['a', 'b', 'c'].map((channel) => stateOf(subscriptions.want(channel)));
    await settled();
    expect(transport.log).toEqual(['subscribe a b c']);
    expect(wishes.map((state) => state())).toEqual(['pending', 'pending', 'pending']);
    transport.command(0).reply.resolve();
    await settled();
    expect(wishes.map((state) => state())).toEqual(['resolved', 'resolved', 'resolved']);
  });

  it('for the same channel are one wish, also while it is pending and when it is granted', async () => {
    const wishes = [subscriptions.want('a'), subscriptions.want('a')];
    await settled();
    wishes.push(subscriptions.want('a'));
    transport.command(0).reply.resolve();
    await Promise.all(wishes);
    await subscriptions.want('a');
    await settled();
    expect(transport.log).toEqual(['subscribe a']);
    expect(subscriptions.size).toBe(1);
  });

  it('are sent in commands of at most 512 channels', async () => {
    const channels = numbered(1200);
    const wishes = Promise.all(channels.map((channel) => subscriptions.want(channel)));
    await settled();
    expect(transport.commands.map((command) => command.channels.length)).toEqual([512, 512, 176]);
    expect(transport.commands.flatMap((command) => command.channels)).toEqual(channels);
    for (const { reply } of transport.commands) reply.resolve();
    await wishes;
    for (const channel of channels) subscriptions.unwant(channel);
    await settled();
    expect(transport.commands.slice(3).map(({ name, channels: { length } }) => [name, length])).toEqual([
      ['unsubscribe', 512],
      ['unsubscribe', 512],
      ['unsubscribe', 176],
    ]);
  });
});

describe('a lost link', () => {
  it('rejects the wishes that wait, and restores them with all others', async () => {
    await subscribed('a', 'b');
    const wish = subscriptions.want('c');
    await settled();
    subscriptions.linkLost(BROKEN, 1000);
    await expect(wish).rejects.toThrow(NotSubscribedError);
    await expect(wish).rejects.toMatchObject({ channel: 'c', cause: BROKEN });
    const restored = subscriptions.restore();
    await settled();
    expect(transport.log.at(-1)).toBe('subscribe a b c');
    transport.command(-1).reply.resolve();
    expect(await restored).toBe(3);
  });

  it('makes new wishes reject at once, and keeps them for the next link', async () => {
    subscriptions.linkLost(BROKEN, 1000);
    await expect(subscriptions.want('a')).rejects.toThrow(NotSubscribedError);
    expect(transport.commands).toEqual([]);
    void subscriptions.restore();
    await settled();
    expect(transport.log).toEqual(['subscribe a']);
  });

  it('forgets what was unwanted while it was lost', async () => {
    await subscribed('a', 'b');
    subscriptions.linkLost(BROKEN, 1000);
    subscriptions.unwant('a');
    void subscriptions.restore();
    await settled();
    expect(transport.log.slice(1)).toEqual(['subscribe b']);
  });

  it('sends nothing that was scheduled before it to the next link', async () => {
    await subscribed('a');
    const wish = subscriptions.want('b').catch(() => undefined);
    subscriptions.unwant('b');
    subscriptions.unwant('a');
    subscriptions.linkLost(BROKEN, 1000);
    void subscriptions.restore();
    await wish;
    await settled();
    expect(transport.log.slice(1)).toEqual([]);
  });

  it('makes a late acknowledgement of the old link void', async () => {
    const wish = subscriptions.want('a').catch(() => undefined);
    await settled();
    subscriptions.linkLost(BROKEN, 1000);
    await wish;
    const again = stateOf(subscriptions.restore());
    await settled();
    transport.command(0).reply.resolve();
    await settled();
    expect(again()).toBe('pending');
    transport.command(1).reply.resolve();
    await settled();
    expect(again()).toBe('resolved');
  });

  it('noticed by a command before it is told leaves the channel for the restoration, not denied', async () => {
    const wish = subscriptions.want('a');
    await settled();
    transport.command(0).reply.reject(BROKEN);
    await expect(wish).rejects.toThrow(NotSubscribedError);
    expect([told.denials, subscriptions.denied.count]).toEqual([[], 0]);
    subscriptions.linkLost(BROKEN, 1000);
    void subscriptions.restore();
    await settled();
    expect(transport.log).toEqual(['subscribe a', 'subscribe a']);
  });

  it('restores at once where nothing is wanted', async () => {
    expect(await subscriptions.restore()).toBe(0);
  });
});

describe('wishes that change', () => {
  it('within a tick cost no command when nothing remains of them', async () => {
    const wish = subscriptions.want('a');
    subscriptions.unwant('a');
    await wish;
    await settled();
    expect(transport.log).toEqual([]);
    expect(subscriptions.size).toBe(0);
  });

  it('leave a subscribed channel subscribed all the time when it is wanted again in the same tick', async () => {
    await subscribed('a');
    subscriptions.unwant('a');
    void subscriptions.want('a');
    await settled();
    expect(transport.log).not.toContain('unsubscribe a');
  });

  it('release whoever waits for a channel that is unwanted meanwhile', async () => {
    const wish = subscriptions.want('a');
    await settled();
    subscriptions.unwant('a');
    await wish;
    await settled();
    expect(transport.log).toEqual(['subscribe a', 'unsubscribe a']);
  });

  it('are not fulfilled by the acknowledgement of an older wish', async () => {
    void subscriptions.want('a');
    await settled();
    subscriptions.unwant('a');
    await settled();
    const newer = stateOf(subscriptions.want('a'));
    await settled();
    expect(transport.log).toEqual(['subscribe a', 'unsubscribe a', 'subscribe a']);
    transport.command(0).reply.resolve();
    transport.command(1).reply.resolve();
    await settled();
    expect(newer()).toBe('pending');
    transport.command(2).reply.resolve();
    await settled();
    expect(newer()).toBe('resolved');
  });

  it('unwant a subscribed channel when it is unwanted, wanted and unwanted again in one tick', async () => {
    await subscribed('a');
    subscriptions.unwant('a');
    void subscriptions.want('a');
    subscriptions.unwant('a');
    await settled();
    expect(subscribedAfter(transport.commands)).toEqual([]);
  });

  it('unwant one whose command is under way just so', async () => {
    void subscriptions.want('a');
    await settled();
    subscriptions.unwant('a');
    void subscriptions.want('a');
    subscriptions.unwant('a');
    await settled();
    expect(subscribedAfter(transport.commands)).toEqual([]);
  });

  it('ignore an unwant of what was never wanted', async () => {
    subscriptions.unwant('a');
    await settled();
    expect(transport.log).toEqual([]);
  });
});
