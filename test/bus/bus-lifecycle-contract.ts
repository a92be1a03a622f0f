import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { NotSubscribedError } from '../../lib/bus/bus.errors.js';
import { PublishRefusedError } from '../../lib/bus/transport.js';
import type { BusFarm } from '../support/bus-farm.js';
import { eventually, collect, next } from '../support/observe.js';

/** The part of the contract that is about start, status, the other servers and the end. */
export function describeBusLifecycle(makeFarm: () => BusFarm, lanes: () => number): void {
  let farm: BusFarm;

  beforeEach(() => {
    farm = makeFarm();
  });
  afterEach(() => farm.close());

  describe('the status', () => {
    it('goes from connecting over subscribing to ready, and ends with closed', async () => {
      const server = farm.server();
      const told = collect(server.bus.status$);
      expect(server.bus.status.state).toBe('connecting');
      await server.start();
      await server.ready();
      await server.bus.close();
      expect(told.values.map(({ state }) => state)).toEqual(['connecting', 'subscribing', 'ready', 'closed']);
      expect(server.bus.status.state).toBe('closed');
    });

    it('is told to whoever subscribes late', async () => {
      const { bus } = await farm.ready();
      expect(collect(bus.status$).values).toEqual([{ state: 'ready' }]);
    });

    it('of a farm where nothing is lost tells no failure, no restoration and no error', async () => {
      const server = farm.server();
      const told = [server.bus.connectionFailed$, server.bus.connectionRestored$, server.bus.errors$];
      const collected = told.map((source) => collect<unknown>(source));
      await server.start();
      await server.ready();
      await (await farm.ready()).bus.close();
      await server.bus.close();
      expect(collected).toEqual(told.map(() => ({ values: [], completed: true })));
    });
  });

  describe('whenReady', () => {
    it('is true at once for a server that is ready', async () => {
      const { bus } = await farm.ready();
      expect(await bus.whenReady(0)).toBe(true);
    });

    it('is false after its time for a server that is not started, and true for a later asker', async () => {
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

  describe('a wish', () => {
    it('before the connection is there rejects, and is granted with it', async () => {
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
    it('are known, each to each, and nobody counts itself', async () => {
      const servers = [await farm.ready(), await farm.ready(), await farm.ready()];
      const ids = servers.map(({ bus }) => bus.serverId);
      expect(new Set(ids).size).toBe(3);
      for (const { bus } of servers) {
        const others = ids.filter((id) => id !== bus.serverId);
        await eventually(() => expect([...bus.peers.alive].sort()).toEqual(others.sort()));
      }
    });

    it('are known soon after the start, by a roll-call, not only at the next heartbeat', async () => {
      // The first has beaten when it became ready, so its next heartbeat is most of a second away.
      const a = await farm.ready();
      const b = await farm.ready();
      await vi.waitFor(() => expect(b.bus.peers.alive.has(a.bus.serverId)).toBe(true), {
        timeout: 500,
        interval: 5,
      });
    });

    it('may all start at once: each asks for the others, and nobody is asked in return', async () => {
      const servers = Array.from({ length: 20 }, () => farm.server());
      const began = performance.now();
      await Promise.all(servers.map((server) => server.start()));
      await Promise.all(servers.map((server) => server.ready()));
      for (const { bus } of servers) {
        await eventually(() => expect(bus.peers.alive.size).toBe(servers.length - 1));
      }
      const published = servers.reduce((sum, { bus }) => sum + bus.counters.published, 0);
      const seconds = (performance.now() - began) / 1000;
      // In each lane, a server publishes one heartbeat at the start, a few answers, and then one heartbeat a second.
      expect(published).toBeLessThanOrEqual((5 + seconds) * servers.length * lanes());
    });

    it('that close are lost at once, and told once', async () => {
      const [a, b] = await farm.pair();
      await eventually(() => expect(a.bus.peers.alive.has(b.bus.serverId)).toBe(true));
      const lost = collect(a.bus.peers.lost$);
      // Less than the time after which silence alone would tell.
      const told = next(a.bus.peers.lost$, undefined, 2000);
      await b.bus.close();
      expect(await told).toBe(b.bus.serverId);
      expect([...a.bus.peers.alive]).toEqual([]);
      await a.bus.close();
      expect(lost).toEqual({ values: [b.bus.serverId], completed: true });
    });

    it('have all been heard once this server has listened for a heartbeat or two', async () => {
      const { bus } = await farm.ready();
      const began = performance.now();
      await bus.peers.whenHeardFor(1500);
      // The status became ready, and hearing began, a moment before.
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

    it('may come twice, also at once, and before the start', async () => {
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

    it('leaves nothing to be counted as published', async () => {
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

    it('right after the start is final: nothing opens afterwards', async () => {
      const a = await farm.ready();
      const b = farm.server();
      await b.start();
      await b.bus.close();
      await expect(a.heardFrom(await farm.ready())).resolves.toEqual([]);
      await expect(b.publish(`${farm.prefix}:any`, 'late')).rejects.toThrow(PublishRefusedError);
      expect(a.bus.peers.alive.has(b.bus.serverId)).toBe(false);
      expect(b.bus.status.state).toBe('closed');
    });

    it('ends receiving', async () => {
      const [a, b] = await farm.pair();
      await b.bus.want(`${farm.prefix}:channel`);
      await b.bus.close();
      await a.publish(`${farm.prefix}:channel`, 'late');
      await a.heardFrom(await farm.ready());
      expect(b.heard).toEqual([]);
    });
  });
}
