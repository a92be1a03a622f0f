import { once } from 'node:events';
import { Redis } from 'ioredis';
import { WebSocket } from 'ws';
import { beforeAll, describe, expect, it } from 'vitest';
import { useRedis } from '../../support/acceptance.js';
import { BRING_DEADLINE_MS, bringBalancers } from '../../support/balancer.js';
import { SampleProcess } from '../../support/sample-process.js';
import { hubConnection, itemsOf, LATEST, uploader } from '../../support/signalr-clients.js';
import { useTestFarm } from '../../support/test-farm.js';
import type { WsClient } from '../../support/ws-client.js';

const farm = useTestFarm();
const redis = useRedis({ own: true });

beforeAll(() => bringBalancers(), BRING_DEADLINE_MS);

const start = (number: string, env: NodeJS.ProcessEnv = {}): SampleProcess =>
  new SampleProcess(farm, number, { REDIS_URL: redis.url, ...env });

describe('The samples', { timeout: 60_000 }, () => {
  it('02: options come from the file and the environment, and an invalid one is named at startup', async () => {
    const seen = new Redis(redis.url, { protocol: 2 });
    farm.onEnd(() => seen.disconnect());
    const prefixes = new Set<string>();
    seen.on('pmessage', (_pattern, channel: string) => prefixes.add(channel.split(':', 1)[0] ?? ''));
    await seen.psubscribe('*');

    const [fromFile, fromEnvironment] = [start('02'), start('02', { CHANNEL_PREFIX: 'elsewhere' })];
    expect([await fromFile.ended, await fromEnvironment.ended]).toEqual([0, 0]);

    expect([...prefixes].sort()).toEqual(['elsewhere', 'greetings']);
    for (const { output } of [fromFile, fromEnvironment]) {
      expect(output).toContain("Perth's client received: Hello from Lima");
      expect(output).toMatch(/OUTAGE=sometimes does not start:\n[^]*InvalidOptionsError: .*outage/);
    }
  });

  it('03: emits of a worker without HTTP reach users on the servers', async () => {
    const sample = start('03');

    expect(await sample.ended).toBe(0);
    expect(sample.output.split('\n').slice(1)).toEqual([
      'ada at Lima received: [{"order":1},{"order":3}]',
      'ada at Perth received: [{"order":1},{"order":3}]',
      'grace at Perth received: [{"order":2}]',
      '',
    ]);
  });

  it('04: a token in a header or cookie admits a client, identifies its user on all servers, and expires', async () => {
    const sample = start('04');

    expect(await sample.ended).toBe(0);
    for (const line of [
      'With the token "": Error: Unexpected server response: 401',
      'With the token "forged": Error: Unexpected server response: 401',
      "A foreign page with Grace's cookie: Error: Unexpected server response: 403",
      'Ada\'s phone at Lima received: {"from":"grace","text":"Hello"}',
      'Ada\'s laptop at Perth received: {"from":"grace","text":"Hello"}',
      'Ada\'s phone was closed when its token had expired: {"code":1008,"reason":"Expired"}',
      'Ada\'s laptop has renewed: {"from":"grace","text":"Still there?"}',
    ]) {
      expect(sample.output).toContain(line);
    }
  });

  it.each([
    ['05', 'nginx'],
    ['06', 'haproxy'],
  ])('%s: %s distributes pages and connections to three servers of one chat', async (number) => {
    const sample = start(number);
    const url = new URL(await sample.says(/(http:\S+)/));
    const page = await fetch(url);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('<title>Chat across servers</title>');

    const clients: WsClient[] = [];
    while (clients.length < 3) clients.push(await farm.client({ port: Number(url.port) }));
    const welcomes = await Promise.all(clients.map((client) => client.next('welcome')));
    clients[0]?.send('say', { name: 'Ada', text: 'Hello' });

    const servers = welcomes.map(({ data }) => (data as { server: string }).server);
    expect(servers.sort()).toEqual(['Kyoto', 'Lima', 'Perth']);
    for (const client of clients)
      expect(await client.next('said')).toMatchObject({ data: { text: 'Hello' } });
    expect(await sample.stop()).toBe(0);
    const late = new WebSocket(new URL('/chat', url.href.replace('http', 'ws')));
    expect(await once(late, 'error')).toMatchObject([{ code: 'ECONNREFUSED' }]);
  });

  it('07: a farm on a Redis Cluster recovers when the master that it uses is killed', async () => {
    const sample = start('07');

    expect(await sample.ended).toBe(0);
    expect(sample.output).toContain('Received at all three: Good morning, Good morning, Good morning');
    for (const server of ['Lima', 'Perth', 'Kyoto']) {
      expect(sample.output).toMatch(new RegExp(`^${server}: reconnecting, .*ready$`, 'm'));
    }
    expect(sample.output).toContain('Received at all three: Good evening, Good evening, Good evening');
  });

  it('08: users join on other servers, get one copy each, and reply to a request', async () => {
    const sample = start('08');

    expect(await sample.ended).toBe(0);
    expect(sample.output.split('\n').slice(1)).toEqual([
      'Grace received: [{"task":"changelog"},{"task":"tag"}]',
      'Linus received: [{"task":"changelog"},{"task":"tag"}]',
      'The vote: {"yes":2,"votes":3,"silent":0}',
      '',
    ]);
  });

  it('09: while Redis is down own clients are served, and then those who missed something reload', async () => {
    const sample = start('09');

    expect(await sample.ended).toBe(0);
    for (const line of [
      'Perth received 1.',
      'Redis is down. Lima received 2.',
      'Its sender was told: Only clients of this server received the message.',
      'Redis is back. Perth was told to reload.',
      'Perth received 1 and 3 in all.',
    ]) {
      expect(sample.output).toContain(`${line}\n`);
    }
  });

  it('10: the tests of a gateway pass without a Redis', async () => {
    const sample = start('10', { REDIS_URL: undefined });

    expect(await sample.ended).toBe(0);
    expect(sample.output).toMatch(/\bpass 4\b/);
    expect(sample.output).toMatch(/\bfail 0\b/);
  });

  it('11: a farm follows Sentinel to another primary', async () => {
    const sample = start('11');

    expect(await sample.ended).toBe(0);
    for (const server of ['Lima', 'Perth'])
      expect(sample.output).toMatch(new RegExp(`^${server}: reconnecting, .*ready$`, 'm'));
    expect(sample.output).toContain('Perth received: Good evening');
  });

  it('12: the diagnosis names what is wrong with each Redis', async () => {
    const sample = start('12');

    expect(await sample.ended).toBe(0);
    const [good, secured, absent] = sample.output.split(/^A .*:$/m).slice(1);
    expect(good).toContain('Messages get through.\n  Status ready');
    expect(secured).toContain('Redis asks for a password.');
    expect(absent).toContain('ECONNREFUSED');
    for (const bad of [secured, absent]) expect(bad).toContain('Messages do not get through');
  });

  it('14: SignalR clients and a plain client on two servers share a group, streams, and calls from the server', async () => {
    const sample = start('14');
    const page = new URL(await sample.says(/(http:\S+)/));
    await sample.says(/(plain WebSocket)/);
    const other = new URL(/MessagePack +(\S+)/.exec(sample.output)?.[1] ?? '');
    for (const file of ['', 'signalr.min.js', 'signalr-protocol-msgpack.min.js'])
      expect((await fetch(new URL(file, page))).status).toBe(200);

    const json = hubConnection(farm, LATEST, Number(page.port), { path: '/lobby' });
    const msgpack = hubConnection(farm, LATEST, Number(other.port), { path: '/lobby', isBinary: true });
    const plain = await farm.client({ port: Number(other.port) }, '/lobby');
    const heard = [json, msgpack].map(
      (connection) => new Promise((resolve) => connection.on('Said', (...args: string[]) => resolve(args))),
    );
    msgpack.on('Confirm', (question: string) => question === 'Tea?');
    await Promise.all([json.start(), msgpack.start()]);
    expect(await Promise.all([json.invoke('Where'), msgpack.invoke('Where')])).toEqual(['Lima', 'Perth']);

    plain.send('Say', ['Ada', 'Hello'], 1);
    const said = [expect.stringContaining('.'), 'Ada', 'Hello'];
    expect(await Promise.all(heard)).toEqual([said, said]);
    expect(await plain.next('Said')).toMatchObject({ data: said });

    expect(await itemsOf(json.stream('Count', 3))).toEqual([1, 2, 3]);
    const lines = uploader<string>(LATEST);
    const words = msgpack.invoke('CountWords', lines);
    for (const line of ['one two', '', 'three']) lines.next(line);
    lines.complete();
    expect(await words).toBe(3);
    expect(await json.invoke('Ask', msgpack.connectionId, 'Tea?')).toBe(true);
    expect(await sample.stop()).toBe(0);
  });

  it('an unknown number prints the list of samples', async () => {
    const sample = start('99');

    expect(await sample.ended).toBe(2);
    expect(sample.output).toMatch(/npm run sample followed by one of\n {2}01-chat\n {2}02-config-service\n/);
  });
});
