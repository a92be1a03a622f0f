import { beforeEach, describe, expect, it } from 'vitest';
import { NotSubscribedError } from '../../lib/bus/bus.errors.js';
import { Subscriptions } from '../../lib/bus/subscriptions.js';
import { FakeTransport, settled, stateOf, subscribedAfter } from '../support/fake-transport.js';
import { ToldOfSubscriptions } from '../support/subscription-news.js';

const BROKEN = new Error('the connection broke');

let transport: FakeTransport;
let subscriptions: Subscriptions;
let reports: ToldOfSubscriptions;

beforeEach(async () => {
  transport = new FakeTransport();
  reports = new ToldOfSubscriptions();
  subscriptions = new Subscriptions(transport, reports, () => 0);
  await subscriptions.restore();
});

async function subscribed(...channels: string[]): Promise<void> {
  const calls = channels.map((channel) => subscriptions.want(channel));
  await settled();
  transport.command(-1).reply.resolve();
  await Promise.all(calls);
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `c${index}`);

describe('calls of want in one tick', () => {
  it('share a command, and resolve when Redis confirms it, not before', async () => {
    const calls = ['a', 'b', 'c'].map((channel) => stateOf(subscriptions.want(channel)));
    await settled();
    expect(transport.log).toEqual(['subscribe a b c']);
    expect(calls.map((state) => state())).toEqual(['pending', 'pending', 'pending']);
    transport.command(0).reply.resolve();
    await settled();
    expect(calls.map((state) => state())).toEqual(['resolved', 'resolved', 'resolved']);
  });

  it('for the same channel are sent once, also while the channel is pending or subscribed', async () => {
    const calls = [subscriptions.want('a'), subscriptions.want('a')];
    await settled();
    calls.push(subscriptions.want('a'));
    transport.command(0).reply.resolve();
    await Promise.all(calls);
    await subscriptions.want('a');
    await settled();
    expect(transport.log).toEqual(['subscribe a']);
    expect(subscriptions.size).toBe(1);
  });

  it('are sent in commands of at most 512 channels', async () => {
    const channels = numbered(1200);
    const calls = Promise.all(channels.map((channel) => subscriptions.want(channel)));
    await settled();
    expect(transport.commands.map((command) => command.channels.length)).toEqual([512, 512, 176]);
    expect(transport.commands.flatMap((command) => command.channels)).toEqual(channels);
    for (const { reply } of transport.commands) reply.resolve();
    await calls;
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
  it('rejects pending calls, and the next link subscribes all wanted channels', async () => {
    await subscribed('a', 'b');
    const call = subscriptions.want('c');
    await settled();
    subscriptions.linkLost(BROKEN, 1000);
    await expect(call).rejects.toThrow(NotSubscribedError);
    await expect(call).rejects.toMatchObject({ channel: 'c', cause: BROKEN });
    const restored = subscriptions.restore();
    await settled();
    expect(transport.log.at(-1)).toBe('subscribe a b c');
    transport.command(-1).reply.resolve();
    expect(await restored).toBe(3);
  });

  it('makes new calls reject at once, and the next link subscribes their channels', async () => {
    subscriptions.linkLost(BROKEN, 1000);
    await expect(subscriptions.want('a')).rejects.toThrow(NotSubscribedError);
    expect(transport.commands).toEqual([]);
    void subscriptions.restore();
    await settled();
    expect(transport.log).toEqual(['subscribe a']);
  });

  it('does not subscribe channels that were unwanted while it was down', async () => {
    await subscribed('a', 'b');
    subscriptions.linkLost(BROKEN, 1000);
    subscriptions.unwant('a');
    void subscriptions.restore();
    await settled();
    expect(transport.log.slice(1)).toEqual(['subscribe b']);
  });

  it('drops commands that were scheduled before it', async () => {
    await subscribed('a');
    const call = subscriptions.want('b').catch(() => undefined);
    subscriptions.unwant('b');
    subscriptions.unwant('a');
    subscriptions.linkLost(BROKEN, 1000);
    void subscriptions.restore();
    await call;
    await settled();
    expect(transport.log.slice(1)).toEqual([]);
  });

  it('makes a late reply of the old link void', async () => {
    const call = subscriptions.want('a').catch(() => undefined);
    await settled();
    subscriptions.linkLost(BROKEN, 1000);
    await call;
    const again = stateOf(subscriptions.restore());
    await settled();
    transport.command(0).reply.resolve();
    await settled();
    expect(again()).toBe('pending');
    transport.command(1).reply.resolve();
    await settled();
    expect(again()).toBe('resolved');
  });

  it('that a command notices first leaves the channel to the next link instead of denying it', async () => {
    const call = subscriptions.want('a');
    await settled();
    transport.command(0).reply.reject(BROKEN);
    await expect(call).rejects.toThrow(NotSubscribedError);
    expect([reports.denials, subscriptions.denied.count]).toEqual([[], 0]);
    subscriptions.linkLost(BROKEN, 1000);
    void subscriptions.restore();
    await settled();
    expect(transport.log).toEqual(['subscribe a', 'subscribe a']);
  });

  it('is restored at once if no channel is wanted', async () => {
    expect(await subscriptions.restore()).toBe(0);
  });
});

describe('changes between want and unwant', () => {
  it('that cancel out within a tick send no command', async () => {
    const call = subscriptions.want('a');
    subscriptions.unwant('a');
    await call;
    await settled();
    expect(transport.log).toEqual([]);
    expect(subscriptions.size).toBe(0);
  });

  it('keep a subscribed channel subscribed if it is wanted again in the same tick', async () => {
    await subscribed('a');
    subscriptions.unwant('a');
    void subscriptions.want('a');
    await settled();
    expect(transport.log).not.toContain('unsubscribe a');
  });

  it('resolve pending calls of want for a channel that is unwanted', async () => {
    const call = subscriptions.want('a');
    await settled();
    subscriptions.unwant('a');
    await call;
    await settled();
    expect(transport.log).toEqual(['subscribe a', 'unsubscribe a']);
  });

  it('are not settled by the reply to an older command', async () => {
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

  it('unsubscribe a channel that is unwanted, wanted and unwanted in one tick', async () => {
    await subscribed('a');
    subscriptions.unwant('a');
    void subscriptions.want('a');
    subscriptions.unwant('a');
    await settled();
    expect(subscribedAfter(transport.commands)).toEqual([]);
  });

  it('do the same while its SUBSCRIBE is in flight', async () => {
    void subscriptions.want('a');
    await settled();
    subscriptions.unwant('a');
    void subscriptions.want('a');
    subscriptions.unwant('a');
    await settled();
    expect(subscribedAfter(transport.commands)).toEqual([]);
  });

  it('ignore unwant for a channel that was never wanted', async () => {
    subscriptions.unwant('a');
    await settled();
    expect(transport.log).toEqual([]);
  });
});
