import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CommandAction, decodeCommandReply, encodeCommand } from '../../lib/protocol/command-record.js';
import { encodeHeartbeat } from '../../lib/protocol/heartbeat-record.js';
import { RecordKind } from '../../lib/protocol/record-kind.js';
import { ALL } from '../../lib/protocol/target.js';
import { PATH, RoutingServer } from '../support/routing-server.js';

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

describe('a command of another server that comes a second time', () => {
  it('is not carried out again: who left since then is not brought back', async () => {
    const { connection } = server.client();
    server.hears(command(1, { name: 'join', group: 'g' }));
    await server.flushed();
    expect([...connection.memberships.keys()]).toEqual(['g']);
    server.router.roster.leave(connection, 'g');

    server.hears(command(1, { name: 'join', group: 'g' }));
    await server.flushed();

    expect([...connection.memberships.keys()]).toEqual([]);
  });

  it('does not take out whoever joined since then', async () => {
    const { connection } = server.client();
    server.hears(command(1, { name: 'leave', group: 'g' }));
    await server.router.roster.join(connection, 'g');

    server.hears(command(1, { name: 'leave', group: 'g' }));

    expect([...connection.memberships.keys()]).toEqual(['g']);
  });

  it('does not close whoever connected since then', async () => {
    const before = server.client();
    const disconnect = command(1, { name: 'disconnect', code: 4000, reason: '' });
    server.hears(disconnect);
    const after = server.client();
    server.hears(disconnect);
    await server.flushed();
    expect([before.closed, after.closed]).toEqual([[4000], []]);
  });

  it('is answered again, with the same reply: the first one may be lost', async () => {
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

  it('is known as long as it is repeated, whatever timeout its server has', async () => {
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

  it('is still known 59 s after it came last, and is a new one after that: nobody repeats so late', async () => {
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

  it('is another one with another number', async () => {
    const { connection } = server.client();
    server.hears(command(1, { name: 'join', group: 'g' }));
    await server.flushed();
    server.router.roster.leave(connection, 'g');
    server.hears(command(2, { name: 'join', group: 'g' }));
    expect([...connection.memberships.keys()]).toEqual(['g']);
  });
});

describe('a command of this server', () => {
  const run = (): Promise<void> =>
    server.router.commands.run(
      { path: PATH, targets: [ALL], excluded: [] },
      { name: 'join', group: 'g' },
      false,
    );

  it('is sent again each second to whoever has not answered, with the number that it had', async () => {
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

  it('has a number of its own each time', async () => {
    server.transport.take();
    for (let time = 0; time < 2; time++) {
      run().catch(() => undefined);
      await server.flushed();
    }
    const sent = server.sent(RecordKind.Command).map(({ body }) => body.toString('hex'));
    expect(new Set(sent).size).toBe(2);
  });
});
