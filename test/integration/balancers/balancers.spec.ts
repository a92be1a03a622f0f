import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Who } from '../../servers/balanced-server.js';
import {
  BALANCERS,
  BRING_DEADLINE_MS,
  bringBalancers,
  type BalancerName,
  type BalancerOptions,
  startBalancer,
} from '../../support/balancer.js';
import { eventually } from '../../support/observe.js';
import { RawClient, refusal } from '../../support/raw-client.js';
import { type AcquiredRedis, acquireRedis } from '../../support/redis-server.js';
import { useTestFarm } from '../../support/test-farm.js';
import { namesOf, openBalanced, openMany } from './balanced-client.js';
import { startBalancedServers } from './balanced-farm.js';

/** The edits with which a user enables the sticky variants: remove one line and uncomment another. */
const FORMS: Record<BalancerName, Record<'address' | 'cookie', BalancerOptions['changes']>> = {
  nginx: {
    address: { 'least_conn;': '', '# ip_hash;': 'ip_hash;' },
    cookie: {
      'least_conn;': '',
      '# hash $uid_got$uid_set consistent;': 'hash $uid_got$uid_set consistent;',
      '# userid on;': 'userid on;',
    },
  },
  haproxy: {
    address: { 'balance leastconn': '', '# balance source': 'balance source' },
    cookie: { '# cookie SERVER': 'cookie SERVER' },
  },
};
/** Edits that shorten the idle timeout of connections. */
const SHORT_TIMEOUT: Record<BalancerName, BalancerOptions['changes']> = {
  nginx: { 'proxy_read_timeout 60s': 'proxy_read_timeout 2s' },
  haproxy: { 'timeout tunnel 60s': 'timeout tunnel 2s' },
};
const EVERY_SERVER = ['kyoto', 'lima', 'perth'];

const farm = useTestFarm();
let redis: AcquiredRedis;
beforeAll(async () => {
  await bringBalancers();
  redis = await acquireRedis();
}, BRING_DEADLINE_MS);
afterAll(() => redis.stop());

describe.each(BALANCERS)('Three servers behind %s', { timeout: 60_000 }, (name) => {
  async function start(changes?: BalancerOptions['changes'], heartbeat?: { interval: number } | false) {
    const options = { ...farm.options(redis.url), ...(heartbeat === undefined ? {} : { heartbeat }) };
    const servers = await startBalancedServers(farm, options);
    const ports = servers.map(({ port }) => port);
    const balancer = await startBalancer(name, { servers: ports, ...(changes && { changes }) });
    farm.onEnd(() => balancer.stop());
    return { servers, balancer };
  }

  it('get upgrades evenly, with the client’s address in the headers', async () => {
    const { balancer } = await start();

    const clients = await openMany(farm, balancer, 6);

    expect(namesOf(clients).sort()).toEqual(EVERY_SERVER.flatMap((server) => [server, server]));
    for (const { who } of clients) {
      expect(who).toMatchObject({
        host: `127.0.0.1:${balancer.port}`,
        forwardedFor: '127.0.0.1',
        forwardedProto: 'http',
      });
    }
  });

  it('need no stickiness: a group has members on all servers, and a client may reconnect to another server', async () => {
    const { balancer } = await start();
    const [first, ...others] = await openMany(farm, balancer, 3);
    if (!first) throw new Error('The first client is missing.');
    for (const { client } of others) client.send('join', 'tea');
    for (const { client } of others) await client.next('joined');
    // Its server has the fewest clients now and would get it back, so another client takes its place first.
    await first.client.close();
    await openBalanced(farm, balancer);

    const again = await openBalanced(farm, balancer);
    again.client.send('join', 'tea');
    await again.client.next('joined');

    const publisher = await farm.server({ ...farm.options(redis.url) });
    await publisher.broadcaster.group('tea').emit('told', 'all');
    const members = [again, ...others];
    await Promise.all(members.map(({ client }) => client.next('told')));
    expect(new Set([...namesOf(others), first.who.name]).size).toBe(3);
    expect(again.client.dataOf('told')).toEqual(['all']);
  });

  it('can be sticky by address: each address gets the same server, and not all addresses the same one', async () => {
    const { balancer } = await start(FORMS[name].address);
    // nginx hashes only the first three bytes of an address.
    const addresses = Array.from({ length: 8 }, (_, index) => `127.0.${10 + index}.1`);

    const serversOf = new Map<string, Set<string>>();
    for (const localAddress of addresses) {
      const clients = await openMany(farm, balancer, 3, { localAddress });
      serversOf.set(localAddress, new Set(namesOf(clients)));
      expect(clients.map(({ who }) => who.forwardedFor)).toEqual(clients.map(() => localAddress));
    }

    expect([...serversOf.values()].map(({ size }) => size)).toEqual(addresses.map(() => 1));
    expect(new Set([...serversOf.values()].flatMap((servers) => [...servers])).size).toBeGreaterThan(1);
  });

  it('can be sticky by cookie: a returning client gets the same server, or another one if that is gone', async () => {
    const { balancer, servers } = await start(FORMS[name].cookie);
    const strangers = await openMany(farm, balancer, 8);
    const [first] = strangers;
    if (!first) throw new Error('The first client is missing.');
    const sticky = { headers: { cookie: first.cookie } };

    const returning = await openMany(farm, balancer, 4, sticky);

    expect(first.cookie).toMatch(/^\w+=.+/);
    expect(new Set(namesOf(returning))).toEqual(new Set([first.who.name]));
    expect(new Set(namesOf(strangers)).size).toBeGreaterThan(1);
    await servers.find(({ pid }) => pid === first.who.pid)?.terminate();
    const moved = await openBalanced(farm, balancer, sticky);
    expect(moved.who.name).not.toBe(first.who.name);
  });

  it('keep idle connections alive beyond the balancer’s timeout with the heartbeat', async () => {
    const { balancer } = await start(SHORT_TIMEOUT[name], { interval: 500 });
    const { balancer: withoutHeartbeat } = await start(SHORT_TIMEOUT[name], false);
    const idle = await openBalanced(farm, balancer);

    // Meanwhile the balancer closes two connections without a heartbeat, one after the other.
    for (let turn = 0; turn < 2; turn++) {
      const { client } = await openBalanced(farm, withoutHeartbeat);
      expect((await client.closed).code).toBe(1006);
    }

    idle.client.send('who');
    expect((await idle.client.next('who')).data as Who).toEqual(idle.who);
  });
});

it('HAProxy sends no client to a server that is no longer ready but still accepts connections', async () => {
  const servers = await startBalancedServers(farm, farm.options(redis.url));
  const balancer = await startBalancer('haproxy', { servers: servers.map(({ port }) => port) });
  farm.onEnd(() => balancer.stop());
  const [leaving] = servers;
  if (!leaving) throw new Error('The first server is missing.');
  // A client that never replies to the close frame delays its server's shutdown by two seconds.
  const holding = await RawClient.ask(leaving, '/chat');
  await holding.until('101 Switching Protocols');

  const gone = leaving.terminate();

  await eventually(() =>
    expect(balancer.output()).toMatch(/chat\/lima is DOWN, reason: Layer7 wrong status, code: 503/),
  );
  expect(namesOf(await openMany(farm, balancer, 4)).sort()).toEqual(['kyoto', 'kyoto', 'perth', 'perth']);
  await gone;
});

describe('Without the configuration lines for stopping servers', () => {
  const without: Record<BalancerName, [changes: BalancerOptions['changes'], status: number]> = {
    nginx: [{ 'proxy_next_upstream error timeout http_503': 'proxy_next_upstream off' }, 502],
    haproxy: [
      {
        'option redispatch 1': '',
        'retry-on conn-failure empty-response 503': '',
        'check inter 1s fall 1 rise 1': '',
      },
      503,
    ],
  };

  it.each(BALANCERS)('%s shows an error page while a server is down', async (name) => {
    const [changes, status] = without[name];
    const servers = await startBalancedServers(farm, farm.options(redis.url));
    const ports = servers.map(({ port }) => port);
    const balancer = await startBalancer(name, { servers: ports, ...(changes && { changes }) });
    farm.onEnd(() => balancer.stop());
    await servers[0]?.terminate();

    const responses = [0, 1, 2].map(() => refusal(balancer, '/chat').catch(() => 101));

    expect(await Promise.all(responses)).toContain(status);
  });
});
