import {
  ConnectedSocket,
  MessageBody,
  type OnGatewayConnection,
  SubscribeMessage,
  WebSocketGateway,
} from '@nestjs/websockets';
import { type Observable, range, tap } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { Arg, UploadStream } from '../../lib/adapter/handler-parameters.js';
import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { CommandTimeoutError } from '../../lib/routing/request.errors.js';
import type { ChatServer } from '../support/chat-app.js';
import { heapUsed } from '../support/heap.js';
import { HubGateway } from '../support/hub.gateway.js';
import { useLog } from '../support/logged.js';
import { upgrade } from '../support/negotiation.js';
import { RawHubClient } from '../support/raw-hub-client.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const log = useLog();

@WebSocketGateway({ path: '/hub' })
class KickingGateway implements OnGatewayConnection {
  readonly log: string[] = [];
  failure: Error | undefined;

  handleConnection(): void {
    if (this.failure) throw this.failure;
  }

  @SubscribeMessage('Kick')
  kick(@ConnectedSocket() client: BackplaneConnection): void {
    client.close(4000, 'Kicked');
  }

  /** How many values of `Counting` were made. */
  counted = 0;

  @SubscribeMessage('Counting')
  counting(): Observable<number> {
    return range(1, 5_000_000).pipe(tap(() => this.counted++));
  }

  @SubscribeMessage('Note')
  note(@MessageBody() text: string): void {
    this.log.push(text);
  }

  @SubscribeMessage('Read')
  async read(@UploadStream() items: AsyncIterable<string>, @Arg(0) name: string): Promise<void> {
    this.log.push(name);
    try {
      for await (const item of items) this.log.push(item);
    } finally {
      this.log.push('ended');
    }
  }
}

function start(gateway: typeof HubGateway | typeof KickingGateway, options: RedisBackplaneOptions = {}) {
  return farm.server({ ...farm.options(), signalr: true, ...options }, {}, gateway);
}

const call = (target: string, ...args: unknown[]): object => ({ type: 1, target, arguments: args });
const closed = ({ closeCode }: RawHubClient): boolean => closeCode !== undefined;

describe('what arrives in one frame behind', () => {
  it('a call whose handler closes the connection does not run', async () => {
    const server = await start(KickingGateway, { parallelInvocations: 1 });
    const client = await RawHubClient.open(farm, server.port);
    client.send(call('Note', 'before'), call('Kick'), call('Note', 'behind'));
    await client.until(closed);
    expect([client.frames, client.closeCode]).toEqual([[{ type: 7, error: 'Kicked' }], 4000]);
    expect(server.app.get(KickingGateway).log).toEqual(['before']);
  });

  it('a message that closes the connection reaches no upload', async () => {
    const server = await start(KickingGateway);
    const gateway = server.app.get(KickingGateway);
    const client = await RawHubClient.open(farm, server.port);
    client.send(
      { ...call('Read', 'reads'), streamIds: ['s'] },
      { type: 2, invocationId: 's', item: 'before' },
      { type: 7 },
      { type: 2, invocationId: 's', item: 'behind' },
    );
    await expect.poll(() => gateway.log.at(-1)).toBe('ended');
    expect(gateway.log).toEqual(['reads', 'before', 'ended']);
  });
});

describe('a client for which handleConnection fails', () => {
  async function refused(failure: Error): Promise<RawHubClient> {
    const server: ChatServer = await start(KickingGateway);
    server.app.get(KickingGateway).failure = failure;
    const client = await RawHubClient.connect(farm, server.port);
    client.send({ protocol: 'json', version: 1 });
    await client.until(closed);
    expect(String(log.errors)).toContain('handleConnection failed');
    return client;
  }

  it('stays away, and learns no details', async () => {
    const { frames, closeCode } = await refused(new Error('the table rooms is missing'));
    expect(frames).toEqual([{}, { type: 7, error: 'Connection closed with an error.' }]);
    expect(closeCode).toBe(1011);
  });

  it('comes back if the error says that a retry may succeed', async () => {
    const { frames, closeCode } = await refused(new CommandTimeoutError(['another server'], 1000));
    expect(frames).toEqual([{}, { type: 7, error: 'handleConnection failed', allowReconnect: true }]);
    expect(closeCode).toBe(1013);
  });
});

describe('a session with stateful reconnect', () => {
  it('ends at once when its client sends a close frame', async () => {
    const server = await start(HubGateway);
    const { connected, disconnected } = server.app.get(HubGateway);
    const client = await RawHubClient.open(farm, server.port, { isStateful: true });
    client.socket.close(1000);
    await expect.poll(() => disconnected, { timeout: 5000 }).toEqual(connected);
    expect(connected).toHaveLength(1);
  });

  it('that has ended takes no memory, and its token is refused', async () => {
    const server = await start(HubGateway, { signalr: { statefulReconnect: 20 } });
    const { disconnected } = server.app.get(HubGateway);
    const { token, sessions } = await lostSessions(server);
    await expect.poll(() => disconnected.length).toBe(sessions.length);
    expect(await upgrade(farm, server.port, `?id=${token}`)).toBe(404);
    await expect
      .poll(async () => {
        await heapUsed();
        return sessions.filter((session) => session.deref()).length;
      })
      // V8 may hold on to the last one.
      .toBeLessThanOrEqual(1);
  });

  /** Ten sessions whose clients have lost their sockets, and the token of the last one. */
  async function lostSessions({
    port,
    broadcaster,
  }: ChatServer): Promise<{ token: string; sessions: WeakRef<BackplaneConnection>[] }> {
    const clients: RawHubClient[] = [];
    for (let count = 0; count < 10; count++)
      clients.push(await RawHubClient.open(farm, port, { isStateful: true }));
    const { localConnections } = broadcaster.gateway(HubGateway);
    const sessions = [...localConnections].map((connection) => new WeakRef(connection));
    for (const { socket } of clients) socket.terminate();
    return { token: clients.at(-1)?.token ?? '', sessions };
  }
});

describe('a client that does not read', () => {
  it('ends an Observable, even one that never yields to the event loop', async () => {
    const server = await start(KickingGateway);
    const gateway = server.app.get(KickingGateway);
    const client = await RawHubClient.open(farm, server.port);
    client.socket.pause();
    client.send({ ...call('Counting'), type: 4, invocationId: '1' });
    await expect.poll(() => server.backplane.counters.tooSlow).toBe(1);
    expect(gateway.counted).toBeLessThan(1_000_000);
  });

  it('an Observable of a million items is closed as too slow, and may come back', async () => {
    const server = await start(HubGateway);
    const client = await RawHubClient.open(farm, server.port);
    client.socket.pause();
    client.send({ ...call('Numbers', 1_000_000), type: 4, invocationId: '1' });
    await expect.poll(() => server.backplane.counters.tooSlow).toBe(1);
    client.socket.resume();
    await client.until(closed);
    expect(client.frames.at(-1)).toEqual({ type: 7, error: 'Too slow', allowReconnect: true });
    expect(client.closeCode).toBe(1013);
    expect(server.backplane.counters.tooSlow).toBe(1);
  });
});
