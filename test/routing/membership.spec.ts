import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SubscriptionRefusedError } from '../../lib/bus/transport.js';
import { Deferred } from '../../lib/bus/deferred.js';
import { NotJoinedError } from '../../lib/routing/routing.errors.js';
import { rejection } from '../support/acceptance.js';
import { PATH, RoutingServer } from '../support/routing-server.js';

const LINGER_MS = 1000;
const CHANNEL = 'app:/chat:group:g';
const REFUSED = new SubscriptionRefusedError('NOPERM');

let server: RoutingServer;
let subscribed: string[];
let unsubscribed: string[];

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
  server = await new RoutingServer().start();
  subscribed = [];
  unsubscribed = [];
  const { transport } = server;
  transport.subscribe = (channels) => {
    subscribed.push(...channels);
    return transport.subscribing?.promise ?? Promise.resolve();
  };
  transport.unsubscribe = (channels) => {
    unsubscribed.push(...channels);
    return Promise.resolve();
  };
  return () => server.close();
});
afterEach(() => vi.useRealTimers());

const reaches = (text: string): Promise<unknown> => server.emit(text);

describe('a join that Redis refuses', () => {
  it('is undone for each waiting connection, and a second one is sent and refused again', async () => {
    const [a, b] = [server.client(), server.client()];
    for (let time = 1; time <= 2; time++) {
      server.transport.subscribing = new Deferred();
      const joins = [a, b].map(({ connection }) => server.router.roster.join(connection, 'g'));
      const rejected = joins.map((join) => rejection(join, NotJoinedError));
      await server.flushed();
      server.transport.subscribing.reject(REFUSED);
      await Promise.all(rejected);
      expect([a, b].map(({ connection }) => connection.memberships.size)).toEqual([0, 0]);
    }
    await reaches('nobody');
    expect([...a.received, ...b.received]).toEqual([]);
  });

  it('and that is granted the second time works and is released like any other', async () => {
    const { connection, received } = server.client();
    server.transport.subscribing = new Deferred();
    const first = rejection(server.router.roster.join(connection, 'g'), NotJoinedError);
    await server.flushed();
    server.transport.subscribing.reject(REFUSED);
    await first;
    server.transport.subscribing = undefined;

    await server.router.roster.join(connection, 'g');
    await reaches('hello');
    expect(received).toEqual([{ event: 'said', data: 'hello' }]);
    server.router.roster.leave(connection, 'g');
    vi.advanceTimersByTime(LINGER_MS);
    await server.flushed();
    expect(unsubscribed).toContain(CHANNEL);
  });
});

describe('a join after a leave, while the first join is pending', () => {
  it('stays if the first one fails, because it is another membership', async () => {
    const { connection, received } = server.client();
    server.transport.subscribing = new Deferred();
    const first = rejection(server.router.roster.join(connection, 'g'), NotJoinedError);
    await server.flushed();
    server.transport.subscribing = undefined;

    // In one turn, so that the first join does not know yet that its link is down.
    server.down();
    server.router.roster.leave(connection, 'g');
    server.transport.says.up('subscriber');
    const second = server.router.roster.join(connection, 'g');
    server.transport.says.up('publisher');

    await Promise.all([first, second]);
    await server.flushed();
    server.echo();
    expect([...connection.memberships.keys()]).toEqual(['g']);
    await reaches('hello');
    expect(received).toEqual([{ event: 'said', data: 'hello' }]);
    vi.advanceTimersByTime(10 * LINGER_MS);
    await server.flushed();
    expect(unsubscribed).toEqual([]);
  });

  it('waits for the channel too', async () => {
    const { connection } = server.client();
    server.transport.subscribing = new Deferred();
    const first = server.router.roster.join(connection, 'g');
    server.router.roster.leave(connection, 'g');
    let joined = false;
    const second = server.router.roster.join(connection, 'g').then(() => (joined = true));
    await server.flushed();
    expect(joined).toBe(false);
    server.transport.subscribing.resolve();
    await Promise.all([first, second]);
    expect([...connection.memberships.keys()]).toEqual(['g']);
  });

  it('called twice at the same time waits once', async () => {
    const { connection } = server.client();
    server.transport.subscribing = new Deferred();
    const joins = [1, 2].map(() => server.router.roster.join(connection, 'g'));
    await server.flushed();
    expect(subscribed.filter((channel) => channel === CHANNEL)).toHaveLength(1);
    server.transport.subscribing.resolve();
    await Promise.all(joins);
  });
});

describe('the channel of a group', () => {
  it('stays subscribed for a second after the last leave, and longer if a connection joins in that time', async () => {
    const [a, b] = [server.client(), server.client()];
    for (const { connection } of [a, b]) await server.router.roster.join(connection, 'g');
    server.router.roster.leave(a.connection, 'g');
    vi.advanceTimersByTime(10 * LINGER_MS);
    await server.flushed();
    expect(unsubscribed).toEqual([]);

    server.router.roster.leave(b.connection, 'g');
    vi.advanceTimersByTime(LINGER_MS - 1);
    await server.router.roster.join(a.connection, 'g');
    vi.advanceTimersByTime(10 * LINGER_MS);
    await server.flushed();
    expect(unsubscribed).toEqual([]);

    server.router.roster.leave(a.connection, 'g');
    vi.advanceTimersByTime(LINGER_MS - 1);
    await server.flushed();
    expect(unsubscribed).toEqual([]);
    vi.advanceTimersByTime(1);
    await server.flushed();
    expect(unsubscribed).toEqual([CHANNEL]);
  });

  it('stays subscribed for as long as unsubscribeDelay says', async () => {
    const patient = await new RoutingServer({ policy: 'reject' }, undefined, 5000).start();
    const { connection } = patient.client();
    patient.transport.unsubscribe = (channels) => {
      unsubscribed.push(...channels);
      return Promise.resolve();
    };
    await patient.router.roster.join(connection, 'g');
    patient.router.roster.leave(connection, 'g');

    vi.advanceTimersByTime(4999);
    await patient.flushed();
    expect(unsubscribed).toEqual([]);
    vi.advanceTimersByTime(1);
    await patient.flushed();
    expect(unsubscribed).toEqual([CHANNEL]);
    await patient.close();
  });

  it('is subscribed again by a join after it was unsubscribed, each time', async () => {
    const { connection } = server.client();
    for (let time = 1; time <= 3; time++) {
      await server.router.roster.join(connection, 'g');
      server.router.roster.leave(connection, 'g');
      vi.advanceTimersByTime(LINGER_MS);
      await server.flushed();
      expect(subscribed.filter((channel) => channel === CHANNEL)).toHaveLength(time);
      expect(unsubscribed).toHaveLength(time);
    }
  });

  it('of a client that disconnects is unsubscribed once, with those of its user and its path', async () => {
    const { connection } = server.client('ada');
    await server.router.roster.join(connection, 'g');
    for (let time = 0; time < 2; time++) server.router.remove(connection);
    vi.advanceTimersByTime(LINGER_MS);
    await server.flushed();
    expect([...unsubscribed].sort()).toEqual(['app:/chat:all', CHANNEL, 'app:/chat:user:ada']);
  });

  it('of a client that is removed twice is kept for the others', async () => {
    const [gone, stays] = [server.client('ada'), server.client('ada')];
    for (const { connection } of [gone, stays]) await server.router.roster.join(connection, 'g');
    for (let time = 0; time < 2; time++) server.router.remove(gone.connection);
    vi.advanceTimersByTime(LINGER_MS);
    await server.flushed();
    expect(unsubscribed).toEqual([]);
    expect(server.router.roster.members(PATH)?.size).toBe(1);
  });

  it('is not awaited by close, which leaves no timer', async () => {
    const { connection } = server.client('ada');
    await server.router.roster.join(connection, 'g');
    server.router.remove(connection);
    await server.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('the first clients of a path', () => {
  it('hold its broadcast channel once each, even if expected clients do not come', async () => {
    const { roster } = server.router;
    await Promise.all([roster.expect(PATH), roster.expect(PATH)]);
    const { connection } = server.client();
    for (let time = 0; time < 2; time++) roster.arrived(PATH);
    vi.advanceTimersByTime(LINGER_MS);
    await server.flushed();
    expect(unsubscribed).toEqual([]);
    server.router.remove(connection);
    vi.advanceTimersByTime(LINGER_MS);
    await server.flushed();
    expect(unsubscribed).toEqual(['app:/chat:all']);
    expect(roster.hears(PATH)).toBe(false);
  });
});
