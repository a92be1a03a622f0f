import { WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { PathRequiredError } from '../../lib/broadcast/broadcast.errors.js';
import { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import { toLoss } from '../../lib/broadcast/loss.js';
import { RedisBackplane } from '../../lib/broadcast/redis-backplane.js';
import type { Target } from '../../lib/broadcast/target.js';
import type { ReportedError } from '../../lib/bus/bus.errors.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { ALL, type TargetRef } from '../../lib/protocol/target.js';
import { systemClock } from '../../lib/bus/clock.js';
import { WallClock } from '../../lib/bus/wall-clock.js';
import { BROADCAST_CONTEXT, type BroadcastContext } from '../../lib/broadcast/broadcast-context.js';
import type { ChatServer } from '../support/chat-app.js';
import { connectMember, serverPair, useRedis } from '../support/acceptance.js';
import { collect } from '../support/observe.js';
import { delivered, onlyConnection, turn, useTestFarm } from '../support/test-farm.js';

@WebSocketGateway({ path: '/news' })
class NewsGateway {}

const farm = useTestFarm();
const redis = useRedis();

/** Every method that returns a promise. */
const CALLS: [name: string, call: (target: Target) => PromiseLike<unknown>][] = [
  ['emit', (target) => target.emit('hi')],
  ['invoke', (target) => target.invoke('hi')],
  ['invokeAll', (target) => target.invokeAll('hi')],
  ['join', (target) => target.join('g')],
  ['leave', (target) => target.leave('g')],
  ['disconnect', (target) => target.disconnect()],
];

/** The same with an argument that is invalid, as it may come from a client. */
const INVALID_CALLS: [name: string, call: (target: Target) => PromiseLike<unknown>][] = [
  ['emit', (target) => target.emit('')],
  ['invoke', (target) => target.invoke('')],
  ['invokeAll', (target) => target.invokeAll('')],
  ['join', (target) => target.join('')],
  ['leave', (target) => target.leave('')],
  ['disconnect', (target) => target.disconnect(1)],
];

type App = { broadcaster: Broadcaster; backplane: RedisBackplane };

const APPS: [name: string, start: () => Promise<App>][] = [
  ['two paths', () => farm.server(farm.options(), { providers: [NewsGateway] })],
  [
    'no path',
    async () => {
      const context = await farm.context({ imports: [RedisBackplaneModule.forRoot(farm.options())] });
      return { broadcaster: context.get(Broadcaster), backplane: context.get(RedisBackplane) };
    },
  ],
];

describe.each(APPS)('an injected broadcaster in an app with %s', (_name, start) => {
  it.each(CALLS)('rejects %s on every target, and does not throw', async (_call, call) => {
    const { broadcaster } = await start();
    for (const target of [
      broadcaster,
      broadcaster.all,
      broadcaster.local,
      broadcaster.group('g'),
      broadcaster.connection('c'),
      broadcaster.user(...[]),
    ])
      await expect(call(target)).rejects.toThrow(PathRequiredError);
  });

  it('reports emits that are not awaited on errors$, and they do not crash the server', async () => {
    const { broadcaster, backplane } = await start();
    const escaped = farm.escapes();
    const errors = collect<ReportedError>(backplane.errors$);
    const inTimer = new Promise<void>((resolve) =>
      setTimeout(() => {
        void broadcaster.emit('hi');
        void broadcaster.local.volatile.group('g').emit('hi');
        resolve();
      }),
    );
    await inTimer;
    await turn();
    await turn();
    expect(escaped).toEqual([]);
    expect(errors.values).toMatchObject([
      { stage: 'publish', cause: { name: 'PathRequiredError' } },
      { stage: 'publish', cause: { name: 'PathRequiredError' } },
    ]);
  });
});

describe('a call that is not awaited and fails', () => {
  it.each(CALLS)('causes no unhandled rejection: %s without a path', async (_call, call) => {
    const context = await farm.context({ imports: [RedisBackplaneModule.forRoot(farm.options())] });
    const escaped = farm.escapes();
    void call(context.get(Broadcaster));
    await turn();
    await turn();
    expect(escaped).toEqual([]);
  });

  it.each(INVALID_CALLS)(
    'causes no unhandled rejection: %s with an invalid argument',
    async (_call, call) => {
      const { broadcaster } = await farm.server();
      const escaped = farm.escapes();
      void call(broadcaster);
      await turn();
      await turn();
      expect(escaped).toEqual([]);
    },
  );

  it('causes no unhandled rejection: a command and an invoke for a client that is gone', async () => {
    const { broadcaster, backplane } = await farm.server();
    const escaped = farm.escapes();
    const gone = broadcaster.connection(`${backplane.serverId}.BBBBBBBBBBBB`);
    const calls = [gone.join('g'), gone.leave('g'), gone.disconnect(), gone.invoke('hi')];
    await turn();
    await turn();
    expect(escaped).toEqual([]);
    for (const call of calls) await expect(call).rejects.toMatchObject({ name: 'ConnectionNotFoundError' });
  });

  it('causes no unhandled rejection: on a connection', async () => {
    const server = await farm.server();
    await farm.client(server);
    const connection = onlyConnection(server);
    const escaped = farm.escapes();
    const calls = [connection.join(''), connection.leave(''), connection.invoke('')];
    await turn();
    await turn();
    expect(escaped).toEqual([]);
    for (const call of calls) await expect(call).rejects.toBeInstanceOf(Error);
  });
});

describe('the connections that a loss affects', () => {
  async function affected(targets: readonly TargetRef[]): Promise<{ server: ChatServer; target: Target }> {
    const server = await farm.server();
    await farm.client(server);
    const loss = { path: '/chat', targets, from: 0, to: 1, certainty: 'possible' as const };
    return {
      server,
      target: toLoss(loss, server.app.get<BroadcastContext>(BROADCAST_CONTEXT), new WallClock(systemClock))
        .affected,
    };
  }

  it('are none if the loss has no targets', async () => {
    const { server, target } = await affected([]);
    expect(await target.emit('reload')).toEqual({ local: 0, backplane: 'notNeeded' });
    await target.disconnect();
    expect([...server.broadcaster.localConnections]).toHaveLength(1);
    expect(() => target.all).toThrow(/would widen it to everyone/);
  });

  it('are all on the path if the loss targets everyone, and then .all is allowed', async () => {
    const { target } = await affected([ALL]);
    expect((await target.all.emit('reload')).local).toBe(1);
  });

  it('are a target whose invalid emits are reported, and need not be awaited', async () => {
    const { server, target } = await affected([ALL]);
    const escaped = farm.escapes();
    const errors = collect(server.backplane.errors$);
    void target.emit('');
    void target.emit('reload', 1n);
    await turn();
    await turn();
    expect([errors.values.length, escaped]).toEqual([2, []]);
  });
});

describe('disconnect of a local connection and one on another server', () => {
  it('closes both, and reports neither as not found', async () => {
    const [near, far] = await serverPair(farm, redis.url);
    const [own, other] = [await connectMember(farm, near), await connectMember(farm, far)];
    await near.broadcaster.connection(own.id, other.id).disconnect(4000, 'bye');
    for (const { client } of [own, other]) expect(await client.closed).toEqual({ code: 4000, reason: 'bye' });
  });

  it('names the one that was already closed', async () => {
    const [near, far] = await serverPair(farm, redis.url);
    const [own, other] = [await connectMember(farm, near), await connectMember(farm, far)];
    await near.broadcaster.connection(own.id).disconnect();
    await expect(near.broadcaster.connection(own.id, other.id).disconnect()).rejects.toMatchObject({
      name: 'ConnectionNotFoundError',
      connectionIds: [own.id],
    });
    await other.client.closed;
  });
});

it('an empty target has no effect on other servers, whatever the method', async () => {
  const [near, far] = await serverPair(farm, redis.url);
  const member = await connectMember(farm, far, 'u');
  const empty = near.broadcaster.group(...[]).exceptGroup('g');
  expect(await empty.emit('hi')).toEqual({ local: 0, backplane: 'notNeeded' });
  await empty.join('g');
  await empty.disconnect();
  expect(await empty.invokeAll('hi')).toEqual({ responses: [], missing: { servers: [], connections: [] } });
  await near.broadcaster
    .group(...[])
    .user('u')
    .emit('hi', 'only u');
  await delivered(near, member.client);
  expect(member.client.dataOf('hi')).toEqual(['only u']);
  expect(member.connection.groups.size).toBe(0);
});
