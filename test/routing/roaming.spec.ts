import { beforeEach, describe, expect, it } from 'vitest';
import { newServerId, roamingConnectionId } from '../../lib/protocol/connection-id.js';
import { plainDialect } from '../../lib/protocol/dialect.js';
import { jsonProtocol } from '../../lib/protocol/json-protocol.js';
import { MessageFrames } from '../../lib/protocol/message-frames.js';
import type { Address } from '../../lib/protocol/target.js';
import { LocalConnection } from '../../lib/routing/local-connection.js';
import { ConnectionNotFoundError } from '../../lib/routing/request.errors.js';
import { Follower, PATH, PresenceFarm, type PresenceServer } from '../support/presence-farm.js';

const FARM = { local: false, volatile: false };

let farm: PresenceFarm;
let holder: PresenceServer;
let others: [PresenceServer, PresenceServer];
let id: string;
let connection: LocalConnection;
let received: unknown[];

const to = (...ids: string[]): Address => ({
  path: PATH,
  targets: ids.map((name) => ({ kind: 'connection', name })),
  excluded: [],
});

function connect(server: PresenceServer, connectionId: string): LocalConnection {
  const sink = {
    write: ({ payload }: { payload: Buffer }) => void received.push(JSON.parse(payload.toString())),
    isFull: false,
    flush: () => undefined,
    close: () => void received.push('closed'),
  };
  const connected = new LocalConnection(connectionId, PATH, 'ada', plainDialect(jsonProtocol), sink);
  void server.router.roster.add(connected);
  return connected;
}

beforeEach(async () => {
  farm = new PresenceFarm({});
  holder = await farm.server();
  others = [await farm.server(), await farm.server()];
  received = [];
  id = roamingConnectionId(newServerId());
  connection = connect(holder, id);
  others.forEach((server) => server.join('others'));
  await farm.pass(2000);
});

describe('a connection whose id names no server', () => {
  it('gets what any server emits to it', async () => {
    for (const { router } of [holder, ...others]) {
      const sent = router.emitter.emit(to(id), MessageFrames.of({ event: 'hi' }), FARM);
      await farm.pass(100);
      await sent;
    }
    expect(received).toEqual([{ event: 'hi' }, { event: 'hi' }, { event: 'hi' }]);
  });

  it('needs no Redis for what its own server emits to it', async () => {
    const { backplane } = await holder.router.emitter.emit(to(id), MessageFrames.of({ event: 'hi' }), FARM);
    expect(backplane).toBe('notNeeded');
  });

  it('joins a group on the command of another server', async () => {
    const done = others[0].router.commands.run(to(id), { name: 'join', group: 'g' }, false);
    await farm.pass(1500);
    await done;
    expect([...connection.memberships.keys()]).toEqual(['g']);
  });

  it('is disconnected on the command of another server', async () => {
    const action = { name: 'disconnect', code: 4000, reason: '' } as const;
    const done = others[1].router.commands.run(to(id), action, false);
    await farm.pass(1500);
    await done;
    expect(received).toEqual(['closed']);
  });

  it('is found among named ones, and those that no server holds are reported', async () => {
    const nobody = roamingConnectionId(newServerId());
    const done = others[0].router.commands.run(to(id, nobody), { name: 'join', group: 'g' }, false);
    const outcome = done.catch((error: unknown) => error);
    await farm.pass(1500);
    expect(await outcome).toEqual(new ConnectionNotFoundError([nobody]));
    expect([...connection.memberships.keys()]).toEqual(['g']);
  });

  it('is reported as missing by its former server too, once it has disconnected', async () => {
    holder.router.remove(connection);
    for (const { router } of [holder, ...others]) {
      const done = router.commands.run(to(id), { name: 'leave', group: 'g' }, false);
      const outcome = done.catch((error: unknown) => error);
      await farm.pass(1500);
      expect(await outcome).toEqual(new ConnectionNotFoundError([id]));
    }
  });

  it('responds to an invocation of another server', async () => {
    const options = { timeoutMs: 5000, signal: undefined, local: false };
    const invoked = others[0].router.invocations.invoke(to(id), 'ask', 1, options);
    await farm.pass(10);
    const [request] = received as [{ event: string; data: number; id: string }];
    expect(request).toMatchObject({ event: 'ask', data: 1 });
    holder.router.invocations.respond(connection, request.id, { outcome: 'data', value: 42 });
    await farm.pass(1500);
    expect((await invoked).responses).toEqual(new Map([[id, { outcome: 'data', value: 42 }]]));
  });

  it('is reached although a server that does not hold it has hung', async () => {
    await others[1].kill();
    const options = { timeoutMs: 3000, signal: undefined, local: false };
    const invoked = others[0].router.invocations.invoke(to(id), 'ask', 1, options);
    const joined = others[0].router.commands.run(to(id), { name: 'join', group: 'g' }, false);
    await farm.pass(50);
    const [request] = received as [{ id: string }];
    holder.router.invocations.respond(connection, request.id, { outcome: 'data', value: 42 });
    await farm.pass(1200);
    expect((await invoked).responses.get(id)).toEqual({ outcome: 'data', value: 42 });
    await joined;
    expect([...connection.memberships.keys()]).toEqual(['g']);
  });

  it('is found beside connections of this server and of others, which are waited for', async () => {
    const own = connect(others[0], roamingConnectionId(newServerId()));
    const named = others[1].connect();
    const done = others[0].router.commands.run(to(own.id, id, named.id), { name: 'join', group: 'g' }, false);
    await farm.pass(1500);
    await done;
    for (const member of [own, connection, named]) expect([...member.memberships.keys()]).toEqual(['g']);
    await others[1].kill();
    const again = others[0].router.commands.run(to(own.id, id), { name: 'leave', group: 'g' }, false);
    await farm.pass(1200);
    await again;
    for (const member of [own, connection]) expect([...member.memberships.keys()]).toEqual([]);
  });

  it('is listed and watched under its own id', async () => {
    void holder.router.roster.join(connection, 'g');
    await farm.pass(100);
    const group: Address = { path: PATH, targets: [{ kind: 'group', name: 'g' }], excluded: [] };
    const list = others[0].router.memberQueries.members(group, 10);
    const follower = new Follower(others[1], 'g');
    await farm.pass(1500);
    expect((await list).members).toEqual([{ id, userId: 'ada', serverId: holder.bus.serverId }]);
    expect([...follower.members.keys()]).toEqual(['ada']);
    const [snapshot] = follower.changes;
    expect(snapshot?.joined[0]?.connectionIds).toEqual([id]);
    follower.close();
  });

  it('is explained by other servers', async () => {
    const asked = others[0].router.explain.connection(PATH, id, to(id), false);
    await farm.pass(1500);
    expect(await asked).toMatchObject({ receives: true });
    holder.router.remove(connection);
    const askedAgain = others[0].router.explain.connection(PATH, id, to(id), false);
    await farm.pass(1500);
    expect(await askedAgain).toMatchObject({ receives: false, reasons: ['notConnected'] });
  });
});
