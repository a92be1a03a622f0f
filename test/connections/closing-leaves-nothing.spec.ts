import { describe, expect, it, vi } from 'vitest';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { ConnectionClosedError } from '../../lib/routing/request.errors.js';
import { startServerProcess } from '../servers/server-process.js';
import { rejection, useRedis } from '../support/acceptance.js';
import type { ChatServer } from '../support/chat-app.js';
import { compiledServer } from '../support/compiled-server.js';
import { eventually } from '../support/observe.js';
import { closeFrame } from '../support/raw-client.js';
import {
  ClosingGateway,
  closed,
  connectStubborn,
  expectDeaf,
  type Stubborn,
} from '../support/stubborn-client.js';
import { idOf, turn, useTestFarm } from '../support/test-farm.js';

const HOUR_MS = 3_600_000;
const SHORT_MS = 50;

const farm = useTestFarm();

const start = (options: RedisBackplaneOptions = {}): Promise<ChatServer> =>
  farm.server({ ...farm.options(), ...options }, {}, ClosingGateway);
const stubborn = (server: ChatServer): Promise<Stubborn> => connectStubborn(farm, server);
const redis = useRedis();

describe('a join', () => {
  it('that is waiting for Redis rejects when its connection closes', async () => {
    const server = await farm.server(farm.options(redis.url), {}, ClosingGateway);
    const { connection } = await stubborn(server);
    const joining = rejection(connection.join('g'), ConnectionClosedError);
    connection.close();
    await joining;
    expect(connection.groups.size).toBe(0);
  });

  it.each(['reject', 'local'] as const)(
    'whose connection is terminated rejects with the outage policy %s too',
    async (outage) => {
      const server = await farm.server({ ...farm.options(redis.url), outage }, {}, ClosingGateway);
      const { connection } = await stubborn(server);
      const joining = rejection(connection.join('g'), ConnectionClosedError);
      connection.socket.terminate();
      await joining;
    },
  );

  it('of several connections resolves even if one of them closes meanwhile', async () => {
    const server = await farm.server(farm.options(redis.url), {}, ClosingGateway);
    const { connection } = await stubborn(server);
    const staying = await farm.client(server);
    await idOf(staying);
    const joining = server.broadcaster.local.join('g');
    connection.close();
    await joining;
    await server.broadcaster.local.group('g').emit('hi');
    await staying.next('hi');
  });

  it('that is not awaited causes no unhandled rejection when its connection closes', async () => {
    const server = await farm.server(farm.options(redis.url), {}, ClosingGateway);
    const { connection } = await stubborn(server);
    const escaped = farm.escapes();
    void connection.join('g');
    connection.close();
    void connection.join('h');
    await rejection(connection.join('i'), ConnectionClosedError);
    await turn();
    expect(escaped).toEqual([]);
  });
});

describe('a closed connection', () => {
  it.each<[name: string, prepare: (stub: Stubborn) => unknown]>([
    ['renewed before the close', ({ connection }) => connection.renew(new Date(Date.now() + HOUR_MS))],
    ['renewed after the close', () => undefined],
    ['renewed beyond the maximum delay of a timer', ({ connection }) => connection.renew(new Date(8e15))],
  ])('%s leaves no timer', async (_name, prepare) => {
    const stub = await stubborn(await start({ heartbeat: false }));
    prepare(stub);
    stub.connection.close();
    stub.client.write(closeFrame());
    await stub.client.closed;
    await eventually(() => expect(stub.gateway.disconnects).toHaveLength(1));
    const timers = vi.spyOn(globalThis, 'setTimeout');
    farm.onEnd(() => timers.mockRestore());

    stub.connection.renew(new Date(Date.now() + HOUR_MS));
    stub.connection.renew(new Date(8e15));

    expect(timers).not.toHaveBeenCalled();
    expect(expiryOf(stub)).toSatisfy((timer) => timer === undefined || isCleared(timer as NodeJS.Timeout));
  });

  it('lets the process exit by itself even if it is renewed after the close', async () => {
    const server = await startServerProcess(compiledServer('renewing-server'));
    farm.onEnd(() => server.child.kill('SIGKILL'));
    const [leaving, staying] = [await farm.client(server), await farm.client(server)];
    await leaving.close();

    server.child.send('close');

    expect(await staying.closed).toMatchObject({ code: 1001 });
    expect(await server.exited).toEqual([0, null]);
  });

  it('stays closed if it is renewed after its expiry', async () => {
    const stub = await stubborn(await start());
    stub.connection.renew(new Date(Date.now() + SHORT_MS));
    await closed(stub.client, 1008);
    stub.connection.renew(null);
    stub.connection.renew(new Date(Date.now() + SHORT_MS));
    await expectDeaf(stub);
  });
});

function expiryOf({ connection }: Stubborn): NodeJS.Timeout | undefined {
  return (connection as unknown as { expiry: NodeJS.Timeout | undefined }).expiry;
}

/** Whether the timer will not run. Node marks it as destroyed. */
function isCleared(timer: NodeJS.Timeout): boolean {
  return (timer as unknown as { _destroyed: boolean })._destroyed;
}
