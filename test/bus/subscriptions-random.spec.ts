import { describe, expect, it } from 'vitest';
import { Subscriptions } from '../../lib/bus/subscriptions.js';
import { type Command, FakeTransport, refusal, settled } from '../support/fake-transport.js';
import { type Random, withSeed } from '../support/seed.js';
import { ToldOfSubscriptions } from '../support/subscription-news.js';

const CHANNELS = ['a', 'b', 'c', 'd', 'e', 'f'];
const STEPS = 60;

/** Simulates Redis: answers the commands one by one on demand, and tracks what is subscribed. */
class ModelRedis {
  readonly transport = new FakeTransport();
  readonly subscribed = new Set<string>();
  private answered = 0;

  constructor(readonly forbidden: ReadonlySet<string>) {}

  get waiting(): boolean {
    return this.answered < this.transport.commands.length;
  }

  answer(): void {
    const command = this.transport.command(this.answered++);
    if (command.name === 'unsubscribe') this.unsubscribe(command);
    else if (command.channels.some((channel) => this.forbidden.has(channel))) command.reply.reject(refusal());
    else this.subscribe(command);
  }

  loseLink(): Error {
    const cause = new Error('the connection broke');
    this.subscribed.clear();
    while (this.waiting) this.transport.command(this.answered++).reply.reject(cause);
    return cause;
  }

  private subscribe({ channels, reply }: Command): void {
    for (const channel of channels) this.subscribed.add(channel);
    reply.resolve();
  }

  private unsubscribe({ channels, reply }: Command): void {
    for (const channel of channels) this.subscribed.delete(channel);
    reply.resolve();
  }
}

/** Runs one random history of calls, replies, ticks and lost links. A failure includes the history. */
async function history(random: Random): Promise<void> {
  const redis = new ModelRedis(new Set(random.list(2, () => random.pick(CHANNELS))));
  let now = 0;
  const subscriptions = new Subscriptions(redis.transport, new ToldOfSubscriptions(), () => now);
  const wanted = new Set<string>();
  // What can settle a call of `want` early: `unwant`, or a lost link.
  let ended = new Map<string, object>();
  const log: string[] = [];
  const problems: string[] = [];
  await subscriptions.restore();

  const want = (channel: string): void => {
    wanted.add(channel);
    const end = ended.get(channel) ?? {};
    ended.set(channel, end);
    subscriptions.want(channel).then(
      () => {
        if (ended.get(channel) !== end || redis.subscribed.has(channel)) return;
        problems.push(`want(${channel}) resolved, and ${channel} is not subscribed`);
      },
      () => undefined,
    );
  };
  const unwant = (channel: string): void => {
    wanted.delete(channel);
    ended.delete(channel);
    subscriptions.unwant(channel);
  };
  const drain = async (): Promise<void> => {
    for (await settled(); redis.waiting; await settled()) redis.answer();
  };
  const steps: [name: string, weight: number, step: (channel: string) => unknown][] = [
    ['want', 8, want],
    ['unwant', 8, unwant],
    ['tick', 4, settled],
    ['answer', 4, () => redis.waiting && redis.answer()],
    ['look', 1, () => subscriptions.look((now += 1000) * 0)],
    [
      'linkLost',
      1,
      () => {
        ended = new Map();
        subscriptions.linkLost(redis.loseLink(), 0);
        void subscriptions.restore();
      },
    ],
  ];
  const weighted = steps.flatMap((step) => Array.from({ length: step[1] }, () => step));

  for (let count = 0; count < STEPS; count++) {
    const [name, , step] = random.pick(weighted);
    const channel = random.pick(CHANNELS);
    log.push(`${name}(${channel})`);
    await step(channel);
  }
  await drain();

  const allowed = [...wanted].filter((channel) => !redis.forbidden.has(channel)).sort();
  const denied = [...wanted].filter((channel) => redis.forbidden.has(channel)).sort();
  const story = `forbidden: ${[...redis.forbidden].join(' ')}; ${log.join(' ')}`;
  expect(problems, story).toEqual([]);
  expect([...redis.subscribed].sort(), story).toEqual(allowed);
  expect(subscriptions.denied.count, story).toBe(denied.length);
}

describe('any order of calls, ticks, replies and lost links', () => {
  it('ends with exactly the wanted and permitted channels subscribed, in 2,000 histories', () =>
    withSeed(async (random) => {
      for (let run = 0; run < 2000; run++) await history(random);
    }));
});
