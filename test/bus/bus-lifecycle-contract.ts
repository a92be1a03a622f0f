import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { NotSubscribedError } from '../../lib/bus/bus.errors.js';
import { PublishRefusedError } from '../../lib/bus/transport.js';
import type { BusFarm } from '../support/bus-farm.js';
import { eventually, collect, next } from '../support/observe.js';

/** The part of the bus contract about start, status, the other servers and close. */
export function describeBusLifecycle(makeFarm: () => BusFarm, lanes: () => number): void {
  let farm: BusFarm;

  beforeEach(() => {
    farm = makeFarm();
  });
  afterEach(() => farm.close());

  describe('the status', () => {
    it('goes from connecting over subscribing to ready, and ends with closed', async () => {
      const server = farm.server();
      const reported = collect(server.bus.status$);
      expect(server.bus.status.state).toBe('connecting');
      await server.start();
      await server.ready();
      await server.bus.close();
      expect(reported.values.map(({ state }) => state)).toEqual([
        'connecting',
        'subscribing',
        'ready',
        'closed',
      ]);
      expect(server.bus.status.state).toBe('closed');
    });

    it('is replayed to late subscribers', async () => {
      const { bus } = await farm.ready();
      expect(collect(bus.status$).values).toEqual([{ state: 'ready' }]);
    });

    it('of a farm without an outage comes with no failure, no restoration and no error', async () => {
      const server = farm.server();
      const reported = [server.bus.connectionFailed$, server.bus.connectionRestored$, server.bus.errors$];
      const collected = reported.map((source) => collect<unknown>(source));
      await server.start();
      await server.ready();
      await (await farm.ready()).bus.close();
      await server.bus.close();
      expect(collected).toEqual(reported.map(() => ({ values: [], completed: true })));
    });
  });

  describe('whenReady', () => {
    it('is true at once for a server that is ready', async () => {
      const { bus } = await farm.ready();
      expect(await bus.whenReady(0)).toBe(true);
    });

    it('is false after the timeout for a server that is not started, and true in a later call', async () => {
      const server = farm.server();
      expect(await server.bus.whenReady(20)).toBe(false);
      await server.start();
      expect(await server.bus.whenReady(10_000)).toBe(true);
    });

    it('is false as soon as the bus is closed, before and after', async () => {
      const { bus } = farm.server();
      const waiting = bus.whenReady(60_000);
      await bus.close();
      expect(await waiting).toBe(false);
      expect(await bus.whenReady(60_000)).toBe(false);
    });
  });

  describe('want', () => {
    it('rejects before the connection is up, and the channel is subscribed once it is', async () => {
      const a = await farm.ready();
      const b = farm.server();
      const channel = `${farm.prefix}:early`;
      await expect(b.bus.want(channel)).rejects.toThrow(NotSubscribedError);
      await b.start();
      await b.ready();
      await a.publish(channel, 'heard');
      expect(await b.hears(1)).toEqual(['heard']);
    });
  });

  describe('the other servers', () => {
    it('are known to each other, and no server counts itself', async () => {
      const servers = [await farm.ready(), await farm.ready(), await farm.ready()];
      const ids = servers.map(({ bus }) => bus.serverId);
      expect(new Set(ids).size).toBe(3);
      for (const { bus } of servers) {
        const others = ids.filter((id) => id !== bus.serverId);
        await eventually(() => expect([...bus.peers.alive].sort()).toEqual(others.sort()));
      }
    });

    it('are known soon after the start because of the roll call, not only at the next heartbeat', async () => {
      // The first server sent a heartbeat when it became ready, so its next one is most of a second away.
      const a = await farm.ready();
      const b = await farm.ready();
      await vi.waitFor(() => expect(b.bus.peers.alive.has(a.bus.serverId)).toBe(true), {
        timeout: 500,
        interval: 5,
      });
    });

    it('may all start at once: each sends one roll call, and none causes another', async () => {
      const servers = Array.from({ length: 20 }, () => farm.server());
      const start = performance.now();
      await Promise.all(servers.map((server) => server.start()));
      await Promise.all(servers.map((server) => server.ready()));
      for (const { bus } of servers) {
        await eventually(() => expect(bus.peers.alive.size).toBe(servers.length - 1));
      }
      const published = servers.reduce((sum, { bus }) => sum + bus.counters.published, 0);
      const seconds = (performance.now() - start) / 1000;
      // Per pipe: one heartbeat per server at the start, a few for roll calls (more of them if the starts are spread out by a
      // busy machine, but not one for each other server), and then one per second.
      expect(published).toBeLessThanOrEqual((8 + seconds) * servers.length * lanes());
    });

    it('that close are lost at once, and reported once', async () => {
      const [a, b] = await farm.pair();
      await eventually(() => expect(a.bus.peers.alive.has(b.bus.serverId)).toBe(true));
      const lost = collect(a.bus.peers.lost$);
      // Less than the timeout of a silent server.
      const reported = next(a.bus.peers.lost$, undefined, 2000);
      await b.bus.close();
      expect(await reported).toBe(b.bus.serverId);
      expect([...a.bus.peers.alive]).toEqual([]);
      await a.bus.close();
      expect(lost).toEqual({ values: [b.bus.serverId], completed: true });
    });

    it('have all been heard once this server has heard everything for a heartbeat or two', async () => {
      const { bus } = await farm.ready();
      const began = performance.now();
      await bus.peers.whenHeardFor(1500);
      // The server became ready, and heard itself, a moment ago.
      expect(performance.now() - began).toBeGreaterThan(1000);
      await bus.peers.whenHeardFor(1000);
    });
  });

  describe('close', () => {
    it('completes every observable', async () => {
      const { bus } = await farm.ready();
      const sources = [
        bus.status$,
        bus.connectionFailed$,
        bus.connectionRestored$,
        bus.errors$,
        bus.peers.lost$,
      ];
      const collected = sources.map((source) => collect<unknown>(source));
      await bus.close();
      expect(collected.map(({ completed }) => completed)).toEqual(sources.map(() => true));
    });

    it('may be called twice, also at once, and before the start', async () => {
      const { bus } = await farm.ready();
      await Promise.all([bus.close(), bus.close()]);
      await bus.close();
      await farm.server().bus.close();
    });

    it('makes publish reject with PublishRefusedError', async () => {
      const server = await farm.ready();
      await server.bus.close();
      await expect(server.publish(`${farm.prefix}:any`, 'late')).rejects.toThrow(PublishRefusedError);
    });

    it('does not count later messages as published', async () => {
      const server = await farm.ready();
      await server.bus.close();
      const { published } = server.bus.counters;
      await expect(server.publish(`${farm.prefix}:any`, 'late')).rejects.toThrow();
      expect(server.bus.counters.published).toBe(published);
    });

    it('makes want reject with NotSubscribedError', async () => {
      const { bus } = await farm.ready();
      await bus.close();
      await expect(bus.want(`${farm.prefix}:any`)).rejects.toThrow(NotSubscribedError);
    });

    it('right after the start is final: no link opens afterwards', async () => {
      const a = await farm.ready();
      const b = farm.server();
      await b.start();
      await b.bus.close();
      await expect(a.heardFrom(await farm.ready())).resolves.toEqual([]);
      await expect(b.publish(`${farm.prefix}:any`, 'late')).rejects.toThrow(PublishRefusedError);
      expect(a.bus.peers.alive.has(b.bus.serverId)).toBe(false);
      expect(b.bus.status.state).toBe('closed');
    });

    it('stops the receiver', async () => {
      const [a, b] = await farm.pair();
      await b.bus.want(`${farm.prefix}:channel`);
      await b.bus.close();
      await a.publish(`${farm.prefix}:channel`, 'late');
      await a.heardFrom(await farm.ready());
      expect(b.heard).toEqual([]);
    });
  });
}
