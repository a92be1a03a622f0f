import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Deferred } from '../../lib/bus/deferred.js';
import { PublishRefusedError } from '../../lib/bus/transport.js';
import {
  type CommandAction,
  decodeCommand,
  decodeCommandReply,
  encodeCommand,
  encodeCommandReply,
} from '../../lib/protocol/command-record.js';
import { encodeRecord } from '../../lib/protocol/envelope.js';
import { encodeHeartbeat } from '../../lib/protocol/heartbeat-record.js';
import { RecordKind } from '../../lib/protocol/record-kind.js';
import { ALL } from '../../lib/protocol/target.js';
import { PATH, PEER_ID, RoutingServer } from '../support/routing-server.js';

let server: RoutingServer;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
  server = await new RoutingServer().start();
  return () => server.close();
});
afterEach(() => vi.useRealTimers());

const command = (number: number, action: CommandAction): Buffer =>
  encodeCommand({ number, address: { path: PATH, targets: [ALL], excluded: [] }, action });

const replies = (): { number: number; error: string }[] =>
  server.sent(RecordKind.CommandReply).map(({ body }) => decodeCommandReply(body));

describe('a repeated command from another server', () => {
  it('does not join a connection again that has left in the meantime', async () => {
    const { connection } = server.client();
    server.hears(command(1, { name: 'join', group: 'g' }));
    await server.flushed();
    expect([...connection.memberships.keys()]).toEqual(['g']);
    server.router.roster.leave(connection, 'g');

    server.hears(command(1, { name: 'join', group: 'g' }));
    await server.flushed();

    expect([...connection.memberships.keys()]).toEqual([]);
  });

  it('does not remove a connection that has joined in the meantime', async () => {
    const { connection } = server.client();
    server.hears(command(1, { name: 'leave', group: 'g' }));
    await server.router.roster.join(connection, 'g');

    server.hears(command(1, { name: 'leave', group: 'g' }));

    expect([...connection.memberships.keys()]).toEqual(['g']);
  });

  it('does not close a connection that was opened in the meantime', async () => {
    const before = server.client();
    const disconnect = command(1, { name: 'disconnect', code: 4000, reason: '' });
    server.hears(disconnect);
    const after = server.client();
    server.hears(disconnect);
    await server.flushed();
    expect([before.closed, after.closed]).toEqual([[4000], []]);
  });

  it('gets the same reply again, because the first one may be lost', async () => {
    server.client();
    for (let time = 0; time < 2; time++) {
      server.hears(command(7, { name: 'join', group: 'g' }));
      await server.flushed();
    }
    expect(replies()).toEqual([
      { number: 7, error: '', missing: [] },
      { number: 7, error: '', missing: [] },
    ]);
  });

  it('is recognised as long as it is repeated, whatever timeout its server has', async () => {
    const { connection } = server.client();
    const join = command(1, { name: 'join', group: 'g' });
    server.hears(join);
    await server.flushed();
    server.router.roster.leave(connection, 'g');
    for (let second = 0; second < 180; second++) {
      vi.advanceTimersByTime(1000);
      server.hears(join);
    }
    expect([...connection.memberships.keys()]).toEqual([]);
  });

  it('is recognised for 59 s after its last arrival, and is new after a minute', async () => {
    const { connection } = server.client();
    const join = command(1, { name: 'join', group: 'g' });
    server.hears(join);
    await server.flushed();
    server.router.roster.leave(connection, 'g');
    vi.advanceTimersByTime(59_000);
    server.hears(join);
    expect([...connection.memberships.keys()]).toEqual([]);
    vi.advanceTimersByTime(61_000);
    server.hears(join);
    expect([...connection.memberships.keys()]).toEqual(['g']);
  });

  it('with another number is a new command', async () => {
    const { connection } = server.client();
    server.hears(command(1, { name: 'join', group: 'g' }));
    await server.flushed();
    server.router.roster.leave(connection, 'g');
    server.hears(command(2, { name: 'join', group: 'g' }));
    expect([...connection.memberships.keys()]).toEqual(['g']);
  });
});

describe('a command from another server', () => {
  it('without targets affects no connection', async () => {
    const { connection, closed } = server.client();
    const address = { path: PATH, targets: [], excluded: [] };
    server.hears(encodeCommand({ number: 1, address, action: { name: 'join', group: 'g' } }));
    server.hears(
      encodeCommand({ number: 2, address, action: { name: 'disconnect', code: 4000, reason: '' } }),
    );
    await server.flushed();
    expect([connection.memberships.size, closed]).toEqual([0, []]);
    expect(replies().map(({ error }) => error)).toEqual(['', '']);
  });

  it('for a connection that closes while it joins does not report it as missing', async () => {
    const { connection } = server.client();
    server.transport.subscribing = new Deferred();
    const address = {
      path: PATH,
      targets: [{ kind: 'connection' as const, name: connection.id }],
      excluded: [],
    };
    server.hears(encodeCommand({ number: 1, address, action: { name: 'join', group: 'g' } }));
    await server.flushed();
    server.router.remove(connection);
    server.transport.subscribing.resolve();
    await server.flushed();
    expect(replies()).toEqual([{ number: 1, error: '', missing: [] }]);
  });
});

describe('a command of this server for connections here and elsewhere', () => {
  const FAR = `${PEER_ID}.AbCdEfGhIjKl`;

  const start = (action: CommandAction, ...ids: string[]): { outcome: Promise<unknown> } => {
    const targets = ids.map((name) => ({ kind: 'connection' as const, name }));
    const outcome = server.router.commands
      .run({ path: PATH, targets, excluded: [] }, action, false)
      .catch((error: unknown) => error);
    return { outcome };
  };

  const DISCONNECT: CommandAction = { name: 'disconnect', code: 1000, reason: '' };
  const JOIN: CommandAction = { name: 'join', group: 'g' };

  const farReplies = (reply: { missing?: readonly string[]; error?: string } = {}): void => {
    const { number } = decodeCommand(server.sent(RecordKind.Command).at(-1)?.body ?? Buffer.alloc(0));
    server.hears(encodeCommandReply({ number, error: '', missing: [], ...reply }));
  };

  beforeEach(() => server.hears(encodeHeartbeat({ number: 1, sentAt: 0 })));

  it.each<[name: string, action: CommandAction]>([
    ['disconnect', DISCONNECT],
    ['join', JOIN],
    ['leave', { name: 'leave', group: 'g' }],
  ])(
    '%s does not report the own connection as missing if it is gone when the other server replies',
    async (_name, action) => {
      const { connection } = server.client();
      const { outcome } = start(action, connection.id, FAR);
      await server.flushed();
      server.router.remove(connection);
      vi.advanceTimersByTime(20);
      farReplies();
      expect(await outcome).toBeUndefined();
    },
  );

  it('reports an own connection that did not exist when the command began', async () => {
    const { connection } = server.client();
    server.router.remove(connection);
    const { outcome } = start(DISCONNECT, connection.id, FAR);
    await server.flushed();
    farReplies();
    expect(await outcome).toMatchObject({ name: 'ConnectionNotFoundError', connectionIds: [connection.id] });
  });

  it('reports a connection that the other server does not have, and not the own one that it closed', async () => {
    const { connection, closed } = server.client();
    const { outcome } = start(DISCONNECT, connection.id, FAR);
    server.router.remove(connection);
    await server.flushed();
    farReplies({ missing: [FAR] });
    expect(await outcome).toMatchObject({ name: 'ConnectionNotFoundError', connectionIds: [FAR] });
    expect(closed).toEqual([1000]);
  });

  it('reports each missing connection once, even if it was given several times', async () => {
    const { outcome } = start(JOIN, 'none of ours', 'none of ours', FAR, FAR);
    await server.flushed();
    farReplies({ missing: [FAR] });
    expect(await outcome).toMatchObject({ connectionIds: ['none of ours', FAR] });
  });

  it('rejects with ServerLostError if the server said goodbye before Redis accepted the command', async () => {
    server.transport.held = new Deferred();
    const { outcome } = start(DISCONNECT, FAR);
    await server.flushed();
    server.hears(encodeRecord(RecordKind.Goodbye, Buffer.alloc(0)));
    server.transport.held.resolve();
    await server.flushed();
    expect(await outcome).toMatchObject({ name: 'ServerLostError', serverId: PEER_ID });
  });

  it('joins the own connection and rejects with NotPublishedError if Redis refuses the command', async () => {
    const { connection } = server.client();
    server.transport.refuses = () => new PublishRefusedError('down');
    const { outcome } = start(JOIN, connection.id, FAR);
    expect(await outcome).toMatchObject({ name: 'NotPublishedError' });
    expect([...connection.memberships.keys()]).toEqual(['g']);
  });
});

describe('a command from this server', () => {
  const run = (): Promise<void> =>
    server.router.commands.run(
      { path: PATH, targets: [ALL], excluded: [] },
      { name: 'join', group: 'g' },
      false,
    );

  it('is repeated each second, with the same number, to the servers that have not replied', async () => {
    server.hears(encodeHeartbeat({ number: 1, sentAt: 0 }));
    const running = run();
    running.catch(() => undefined);
    await server.flushed();
    for (let second = 0; second < 3; second++) {
      vi.advanceTimersByTime(1000);
      server.hears(encodeHeartbeat({ number: second + 2, sentAt: 0 }));
      server.echo();
      await server.flushed();
    }
    const sent = server.sent(RecordKind.Command);
    expect(sent.length).toBeGreaterThanOrEqual(3);
    expect(new Set(sent.map(({ body }) => body.toString('hex'))).size).toBe(1);
  });

  it('has a new number each time', async () => {
    server.transport.take();
    for (let time = 0; time < 2; time++) {
      run().catch(() => undefined);
      await server.flushed();
    }
    const sent = server.sent(RecordKind.Command).map(({ body }) => body.toString('hex'));
    expect(new Set(sent).size).toBe(2);
  });
});
