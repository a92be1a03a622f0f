import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { Proxy } from '../faults/proxy.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { startBalancer } from '../support/balancer.js';
import { authenticate } from '../support/negotiation.js';
import { Demo } from './demo.js';
import { HubPage } from './hub-page.js';
import { HubSite } from './hub-site.js';
import { type HubSetup, hubUrl, startWatchedHub, type WatchedHub } from './watched-hub.js';

const demo = Demo.use();
const { farm } = demo;

/**
 * The hosts of pages. To the browser they are of the same site as the server, `example.localhost`, so it would send the
 * server's cookies for either of them.
 */
const ALLOWED = 'app.example.localhost';
const FOREIGN = 'evil.example.localhost';
/** `HttpTransportType.WebSockets` of Microsoft's client. */
const WEB_SOCKETS = 1;

const SETUPS = (['Express', 'Fastify'] as const).flatMap((platform) => [
  { platform, cors: 'the library’s CORS', hasOwnCors: false },
  { platform, cors: 'the app’s own CORS', hasOwnCors: true },
]);
const ENCODINGS = [
  { encoding: 'JSON', isBinary: false },
  { encoding: 'MessagePack', isBinary: true },
];

describe.each(SETUPS)('a page of another origin, with $platform and $cors', ({ platform, hasOwnCors }) => {
  /** Starts a server that admits the pages of one origin of the site. */
  function startHub(
    site: HubSite,
    options: RedisBackplaneOptions = {},
    setup: Partial<HubSetup> = {},
  ): Promise<WatchedHub> {
    const origin = site.origin(ALLOWED);
    const own = hasOwnCors ? { corsOrigin: origin } : {};
    return startWatchedHub(farm, { allowedOrigins: [origin], ...options }, { platform, ...own, ...setup });
  }

  const open = (site: HubSite, host = ALLOWED): Promise<HubPage> =>
    HubPage.open(farm, demo.browser, site.origin(host));

  it.each(ENCODINGS)(
    'with a token and $encoding: authenticate gets it in the header, then in the query, and calls, events and streams work',
    async ({ isBinary }) => {
      const site = await HubSite.start(farm);
      const users: unknown[] = [];
      const hub = await startHub(site, {
        authenticate: (request) => {
          const admission = authenticate(request);
          users.push(admission?.userId);
          return admission;
        },
      });
      const far = await startHub(site);
      const page = await open(site);

      expect(await page.start({ url: hub.url, isBinary, accessToken: 'ada/+=' })).toBe('connected');
      expect(users).toEqual(['ada/+=', 'ada/+=']);
      const origin = site.origin(ALLOWED);
      const none = { origin, authorization: undefined, accessToken: null, cookie: undefined };
      expect(hub.requests).toEqual([
        { ...none, kind: 'OPTIONS' },
        { ...none, kind: 'POST', authorization: 'Bearer ada/+=' },
        { ...none, kind: 'upgrade', accessToken: 'ada/+=' },
      ]);

      expect(await page.invoke('Id')).toMatchObject({ userId: 'ada/+=' });
      expect(await page.invoke('Echo', { text: 'größe', list: [1, null] })).toEqual({
        text: 'größe',
        list: [1, null],
      });
      await page.invoke('Join', 'room');
      await far.gateway.server.group('room').emit('Said', 'hello');
      await expect.poll(() => page.received()).toEqual(['hello']);
      expect(await page.stream('Lines', 3)).toEqual(['line 1', 'line 2', 'line 3']);
      expect(await page.upload('Sum', [1, 2, 39])).toBe(42);
    },
  );

  it('with a cookie: authenticate reads it at the negotiation and at the upgrade', async () => {
    const site = await HubSite.start(farm);
    const hub = await startHub(site, { authenticate: byCookie });
    const page = await open(site);
    await logIn(page, hub);

    expect(await page.start({ url: hub.url })).toBe('connected');
    expect(await page.invoke('Id')).toMatchObject({ userId: 'ada' });
    expect(hub.requests.map(({ kind, cookie }) => [kind, cookie])).toEqual([
      ['OPTIONS', undefined],
      ['POST', 'session=ada'],
      ['upgrade', 'session=ada'],
    ]);
  });

  it('with a cookie that it does not send: start() rejects with the status of the negotiation', async () => {
    const site = await HubSite.start(farm);
    const hub = await startHub(site, { authenticate: byCookie });
    const page = await open(site);
    await logIn(page, hub);

    const result = await page.start({ url: hub.url, http: { withCredentials: false } });
    expect(result).toContain("Status code '401'");
    expect(hub.requests.map(({ kind, cookie }) => [kind, cookie])).toEqual([
      ['OPTIONS', undefined],
      ['POST', undefined],
    ]);
  });

  it('that is not allowed: start() rejects after the preflight, and no connection is opened', async () => {
    const site = await HubSite.start(farm);
    const hub = await startHub(site, { authenticate: byCookie });
    const page = await open(site, FOREIGN);
    await logIn(page, hub);

    const result = await page.start({ url: hub.url });
    expect(result).toContain('Failed to complete negotiation with the server: TypeError: Failed to fetch');
    expect(await page.state()).toBe('Disconnected');
    expect(hub.requests.map(({ kind, origin }) => [kind, origin])).toEqual([
      ['OPTIONS', site.origin(FOREIGN)],
    ]);
    expect(hub.gateway.connected).toEqual([]);
  });

  it('that is not allowed and skips the negotiation: the upgrade is refused before authenticate', async () => {
    const site = await HubSite.start(farm);
    const users: unknown[] = [];
    const hub = await startHub(site, {
      signalr: { skipNegotiation: true },
      authenticate: (request) => {
        users.push(byCookie(request)?.userId);
        return byCookie(request);
      },
    });
    const http = { skipNegotiation: true, transport: WEB_SOCKETS };
    const foreign = await open(site, FOREIGN);
    await logIn(foreign, hub);
    expect(await foreign.start({ url: hub.url, http })).toMatch(/^Error: /);
    expect(foreign.socketErrors).toEqual([expect.stringContaining('Unexpected response code: 403')]);
    expect(hub.requests.map(({ kind, cookie }) => [kind, cookie])).toEqual([['upgrade', 'session=ada']]);
    expect([users, hub.gateway.connected]).toEqual([[], []]);

    const allowed = await open(site);
    await logIn(allowed, hub);
    expect(await allowed.start({ url: hub.url, http })).toBe('connected');
    expect(users).toEqual(['ada']);
  });

  it.each(ENCODINGS)(
    'that reconnects automatically, with $encoding, comes back to another server when its own shuts down',
    async ({ isBinary }) => {
      const site = await HubSite.start(farm);
      const [one, other] = [await startHub(site), await startHub(site)];
      const url = hubUrl(await balancerOf(one, other));
      const page = await open(site);
      expect(await page.start({ url, isBinary, reconnects: true })).toBe('connected');
      const before = await page.invoke<{ id: string }>('Id');
      const [own, left] = one.gateway.connected.length > 0 ? [one, other] : [other, one];

      await own.app.close();
      await expect.poll(() => page.events()).toEqual(['reconnecting', 'reconnected']);
      const after = await page.invoke<{ id: string }>('Id');
      expect(after.id).not.toBe(before.id);
      expect(left.gateway.connected).toEqual([after.id]);
      await left.gateway.server.emit('Said', 'welcome back');
      await expect.poll(() => page.received()).toEqual(['welcome back']);
    },
  );

  it.each(ENCODINGS)(
    'with stateful reconnect and $encoding loses nothing when its connection is cut, and does not notice',
    async ({ isBinary }) => {
      const site = await HubSite.start(farm);
      const [near, far] = [await startHub(site, { authenticate }), await startHub(site)];
      const proxy = await Proxy.open(near.port);
      farm.onEnd(() => proxy.close());
      const page = await open(site);
      const url = hubUrl(proxy.port);
      const connection = { url, isBinary, isStateful: true, reconnects: true, accessToken: 'ada' };
      expect(await page.start(connection)).toBe('connected');
      await page.invoke('Join', 'room');

      const texts: string[] = [];
      const talk = async (text: string): Promise<void> => {
        texts.push(text);
        await far.gateway.server.group('room').emit('Said', text);
        await page.call('Note', text);
      };
      for (let round = 0; round < 3; round++) {
        await talk(`${round}: arrives`);
        // What is sent now gets stuck in the proxy, and is lost with the connection.
        proxy.blackhole();
        await talk(`${round}: is lost`);
        const next = page.page.waitForEvent('websocket');
        proxy.cut();
        await next;
        await talk(`${round}: waits for the next connection`);
        proxy.heal();
        await expect.poll(() => page.received()).toEqual(texts);
      }

      expect(await page.results()).toEqual(texts);
      expect(near.gateway.log).toEqual(texts);
      expect([await page.events(), await page.state()]).toEqual([[], 'Connected']);
      expect([near.gateway.connected.length, near.gateway.disconnected]).toEqual([1, []]);
      const upgrades = near.requests.filter(({ kind }) => kind === 'upgrade');
      expect(upgrades.map(({ accessToken }) => accessToken)).toEqual(['ada', 'ada', 'ada', 'ada']);
    },
  );
});

describe.each(['Express', 'Fastify'] as const)(
  'an app on %s whose own CORS allows every origin',
  (platform) => {
    it('does not let a page connect that allowedOrigins does not allow, and the page sees the status', async () => {
      const site = await HubSite.start(farm);
      const options = { allowedOrigins: [site.origin(ALLOWED)], authenticate: byCookie };
      const hub = await startWatchedHub(farm, options, { platform, corsOrigin: true });
      const page = await HubPage.open(farm, demo.browser, site.origin(FOREIGN));
      await logIn(page, hub);
      expect(await page.start({ url: hub.url })).toContain("Status code '403'");
      expect(hub.requests.map(({ kind }) => kind)).toEqual(['OPTIONS', 'POST']);
    });
  },
);

/** Gives the browser a cookie of the server. */
function logIn({ context }: HubPage, { url }: WatchedHub): Promise<void> {
  return context.addCookies([{ name: 'session', value: 'ada', url, sameSite: 'Lax' }]);
}

function byCookie({ headers }: IncomingMessage): { userId: string } | null {
  const userId = /(?:^|; )session=(\w+)/.exec(headers.cookie ?? '')?.[1];
  return userId === undefined ? null : { userId };
}

/** Starts a load balancer for two servers. @returns its port */
async function balancerOf(one: WatchedHub, other: WatchedHub): Promise<number> {
  // The sample's nginx has three servers.
  const balancer = await startBalancer('nginx', { servers: [one.port, other.port, other.port] });
  farm.onEnd(() => balancer.stop());
  return balancer.port;
}
