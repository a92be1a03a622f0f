import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PublishRefusedError } from '../../lib/bus/transport.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { BusFarm } from '../support/bus-farm.js';
import { administer, inState, watch } from '../support/bus-watch.js';
import { BUSY_MACHINE_MS } from '../support/busy-machine.js';
import { next } from '../support/observe.js';
import type { RedisServer } from '../support/redis-server.js';

const HEARTBEAT_MS = 1000;
const ECHO_DEADLINE_MS = 3000;

/** A Redis that the test can kill. */
export interface MortalRedis {
  readonly options: RedisBackplaneOptions;
  readonly redis: RedisServer;
  /** The URL for a client with full permissions. */
  readonly adminUrl: string;
  close(): Promise<void>;
}

/** The behavior in an outage of Redis, which must be the same for every topology. */
export function describeOutages(name: string, open: () => Promise<MortalRedis>): void {
  describe(`the bus ${name}`, () => {
    let form: MortalRedis;
    let redis: RedisServer;
    let farm: BusFarm;
    let channel: string;
    const unhandled: unknown[] = [];
    const keep = (reason: unknown): unknown => unhandled.push(reason);

    beforeEach(async () => {
      process.on('unhandledRejection', keep);
      form = await open();
      redis = form.redis;
      farm = new BusFarm(form.options);
      channel = farm.channels.target('/chat', { kind: 'group', name: randomUUID() });
    });
    afterEach(async () => {
      await farm.close();
      await form.close();
      process.off('unhandledRejection', keep);
      expect(unhandled.splice(0)).toEqual([]);
    });

    describe('a Redis that is killed and restarted', () => {
      it('is reported as one failure and one restoration, and every channel is heard again', async () => {
        const [a, b] = await farm.pair();
        await b.bus.want(channel);
        await b.bus.want(`${channel}:2`);
        const { failures, restorations } = watch(b);
        const killedAt = performance.now();
        await redis.kill();
        await Promise.all([inState(a, 'reconnecting'), inState(b, 'reconnecting')]);
        // Some attempts must fail before it is back.
        await next(b.bus.status$, (status) => status.state === 'reconnecting' && status.attempt >= 3);
        await redis.start();
        await Promise.all([a.ready(), b.ready()]);
        const outage = performance.now() - killedAt;

        expect(failures).toEqual([
          { link: expect.stringMatching(/er$/) as string, cause: expect.any(Error) as Error },
        ]);
        expect(restorations).toHaveLength(1);
        expect(restorations[0]?.downMs).toBeGreaterThan(0);
        expect(restorations[0]?.downMs).toBeLessThanOrEqual(Math.ceil(outage));
        // The two channels for servers, and the two wanted ones.
        expect(restorations[0]?.channelsRestored).toBe(4);
        await a.publish(channel, '1');
        await a.publish(`${channel}:2`, '2');
        expect(await b.heardFrom(a)).toEqual(['1', '2']);
      });

      it('goes through reconnecting and subscribing to ready, and never back to connecting', async () => {
        const server = await farm.ready();
        const { states } = watch(server);
        await redis.kill();
        await inState(server, 'reconnecting');
        await redis.start();
        await server.ready();
        expect(new Set(states())).toEqual(new Set(['ready', 'reconnecting', 'subscribing']));
        expect(states().slice(-2)).toEqual(['subscribing', 'ready']);
      });

      it('delivers messages exactly once afterwards, in several outages', async () => {
        const [a, b] = await farm.pair();
        await b.bus.want(channel);
        const sent: string[] = [];
        for (let outage = 0; outage < 3; outage++) {
          await redis.kill();
          await Promise.all([inState(a, 'reconnecting'), inState(b, 'reconnecting')]);
          await redis.start();
          await Promise.all([a.ready(), b.ready()]);
          for (let message = 0; message < 100; message++) {
            sent.push(`${outage}.${message}`);
            await a.publish(channel, `${outage}.${message}`);
          }
          // Redis may be killed after it has answered the publisher and before it writes to the subscriber.
          expect(await b.heardFrom(a)).toEqual(sent);
        }
      });

      it('makes publish reject, and rejected messages are not delivered later', async () => {
        const [a, b] = await farm.pair();
        await b.bus.want(channel);
        await redis.kill();
        await Promise.all([inState(a, 'reconnecting'), inState(b, 'reconnecting')]);
        await expect(a.publish(channel, 'refused')).rejects.toThrow(PublishRefusedError);
        await redis.start();
        await Promise.all([a.ready(), b.ready()]);
        await a.publish(channel, 'later');
        expect(await b.heardFrom(a)).toEqual(['later']);
      });

      it('does not count rejected messages as published', async () => {
        const server = await farm.ready();
        await redis.kill();
        await inState(server, 'reconnecting');
        const { published } = server.bus.counters;
        await expect(server.publish(channel, 'refused')).rejects.toThrow();
        expect(server.bus.counters.published).toBe(published);
      });

      it('gets the channels subscribed that are wanted when it is back', async () => {
        const [a, b] = await farm.pair();
        await b.bus.want(channel);
        await redis.kill();
        await inState(b, 'reconnecting');
        await expect(b.bus.want(channel)).rejects.toMatchObject({ name: 'NotSubscribedError' });
        b.bus.unwant(channel);
        await expect(b.bus.want(`${channel}:new`)).rejects.toMatchObject({ name: 'NotSubscribedError' });
        await redis.start();
        await Promise.all([a.ready(), b.ready()]);
        await a.publish(channel, 'unwanted');
        await a.publish(`${channel}:new`, 'wanted');
        expect(await b.heardFrom(a)).toEqual(['wanted']);
      });
    });

    describe('a link that Redis closes', () => {
      it('of the subscriber is restored with all channels', async () => {
        const [a, b] = await farm.pair();
        await b.bus.want(channel);
        const { failures, restorations } = watch(b);
        await administer(form.adminUrl, (client) => client.client('KILL', 'TYPE', 'PUBSUB'));
        await next(b.bus.connectionRestored$);
        await a.ready();
        expect(failures).toMatchObject([{ link: 'subscriber' }]);
        expect(restorations).toMatchObject([{ channelsRestored: 3 }]);
        await a.publish(channel, 'heard');
        expect(await b.heardFrom(a)).toEqual(['heard']);
      });

      it('of the publisher is restored without resubscribing', async () => {
        const [a, b] = await farm.pair();
        await b.bus.want(channel);
        const { failures, restorations } = watch(a);
        const restored = next(a.bus.connectionRestored$);
        await administer(form.adminUrl, async (client) => {
          const list = (await client.client('LIST')) as string;
          const line = list
            .split('\n')
            .find((each) => each.includes(`backplane:${a.bus.serverId}:publisher`));
          await client.client('KILL', 'ID', Number(/^id=(\d+)/.exec(line ?? '')?.[1]));
        });
        await restored;
        expect(failures).toMatchObject([{ link: 'publisher' }]);
        expect(restorations).toHaveLength(1);
        await a.publish(channel, 'heard');
        expect(await b.heardFrom(a)).toEqual(['heard']);
        expect(restorations[0]?.channelsRestored).toBe(0);
      });
    });

    describe('a Redis that hangs', () => {
      it('is noticed without an error, and the bus is ready again once it resumes', async () => {
        const [a, b] = await farm.pair();
        await b.bus.want(channel);
        const { failures } = watch(b);
        const frozenAt = performance.now();
        redis.freeze();
        await Promise.all([inState(a, 'reconnecting'), inState(b, 'reconnecting')]);
        const noticedAfter = performance.now() - frozenAt;
        expect(noticedAfter).toBeGreaterThan(ECHO_DEADLINE_MS - HEARTBEAT_MS);
        expect(noticedAfter).toBeLessThan(ECHO_DEADLINE_MS + BUSY_MACHINE_MS);
        await expect(a.publish(channel, 'refused')).rejects.toThrow(PublishRefusedError);
        redis.resume();
        await Promise.all([a.ready(), b.ready()]);
        expect(failures).toHaveLength(1);
        await a.publish(channel, 'later');
        expect(await b.heardFrom(a)).toEqual(['later']);
      });

      it('leaves the outcome of a publish unknown, and the publish is not repeated', async () => {
        const [a, b] = await farm.pair();
        await b.bus.want(channel);
        redis.freeze();
        const outcome = a.publish(channel, 'under way').catch((error: unknown) => error);
        await Promise.all([inState(a, 'reconnecting'), inState(b, 'reconnecting')]);
        const error = await outcome;
        expect(error).toBeInstanceOf(Error);
        expect(error).not.toBeInstanceOf(PublishRefusedError);
        redis.resume();
        await Promise.all([a.ready(), b.ready()]);
        await a.publish(channel, 'later');
        // Redis may have delivered it when it resumed, but only once.
        expect([['later'], ['under way', 'later']]).toContainEqual(await b.heardFrom(a));
      });

      it('does not delay close, which closes all links', async () => {
        const server = await farm.ready();
        redis.freeze();
        const began = performance.now();
        await server.bus.close();
        // A close that waited for Redis would wait until it goes on, which is after this test.
        expect(performance.now() - began).toBeLessThan(BUSY_MACHINE_MS);
        redis.resume();
        // A client that was not closed would be listed for as long as this process runs.
        const clients = (): Promise<unknown> => administer(form.adminUrl, (client) => client.client('LIST'));
        await expect.poll(clients).not.toContain(server.bus.serverId);
      });
    });
  });
}
