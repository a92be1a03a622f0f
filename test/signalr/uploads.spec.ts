import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { Arg, UploadStream } from '../../lib/adapter/handler-parameters.js';
import { Deferred } from '../../lib/bus/deferred.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import type { ChatServer } from '../support/chat-app.js';
import { RawHubClient } from '../support/raw-hub-client.js';
import { LATEST, startHub, uploader } from '../support/signalr-clients.js';
import { useTestFarm } from '../support/test-farm.js';

const MAX_STREAMS = 1000;
/** With this many items that no handler has read, the server stops reading from the connection. */
const FULL = 10;

@WebSocketGateway({ path: '/hub' })
class UploadGateway {
  readonly log: string[] = [];
  /** What the calls of `Hold` wait for. */
  readonly held = new Map<string, Deferred>();

  @SubscribeMessage('Read')
  async read(@UploadStream() items: AsyncIterable<unknown>): Promise<void> {
    try {
      for await (const item of items) this.log.push(`item ${String(item)}`);
      this.log.push('ended');
    } catch (error) {
      this.log.push(String(error));
    }
  }

  @SubscribeMessage('Sum')
  async sum(@UploadStream() numbers: AsyncIterable<number>): Promise<number> {
    let sum = 0;
    for await (const number of numbers) sum += number;
    return sum;
  }

  /** Reads nothing. */
  @SubscribeMessage('Hold')
  hold(@Arg(0) name: string): Promise<void> {
    const held = new Deferred();
    this.held.set(name, held);
    return held.promise;
  }

  @SubscribeMessage('Echo')
  echo(@MessageBody() data: unknown): unknown {
    return data;
  }
}

const farm = useTestFarm();

function start(options: RedisBackplaneOptions = {}): Promise<ChatServer> {
  return farm.server({ ...farm.options(), signalr: true, ...options }, {}, UploadGateway);
}

const upload = (id: string, target: string, streamId: string): object => ({
  type: 1,
  invocationId: id,
  target,
  arguments: [id],
  streamIds: [streamId],
});
const items = (streamId: string, count: number): object[] =>
  Array.from({ length: count }, (_, item) => ({ type: 2, invocationId: streamId, item }));

describe('an upload', () => {
  it('ends with an error for its handler when the client disconnects', async () => {
    const server = await start();
    const { log } = server.app.get(UploadGateway);
    const client = await RawHubClient.open(farm, server.port);
    client.send(upload('1', 'Read', 's'), ...items('s', 1));
    await expect.poll(() => log).toEqual(['item 0']);
    client.socket.terminate();
    await expect.poll(() => log.slice(1)).toEqual([expect.stringContaining('The client has disconnected.')]);
  });

  it('is read while its own handler is the only one that may run', async () => {
    const server = await start({ parallelInvocations: 1 });
    const connection = await startHub(farm, LATEST, server.port);
    const numbers = uploader<number>(LATEST);
    const sum = connection.invoke('Sum', numbers);
    for (let number = 1; number <= 30; number++) numbers.next(number);
    numbers.complete();
    expect(await sum).toBe(465);
  });

  it(`is refused beside ${MAX_STREAMS} others of its connection`, async () => {
    const server = await start();
    const client = await RawHubClient.open(farm, server.port);
    for (let id = 0; id <= MAX_STREAMS; id++) client.send(upload(`${id}`, 'Read', `s${id}`));
    expect(await client.completion(`${MAX_STREAMS}`)).toMatchObject({
      error: 'A connection may have 1000 streams at once.',
    });
    expect(client.frames).toHaveLength(1);
  });

  it('keeps the server from reading as long as it is full, although another one that was full has ended', async () => {
    const server = await start();
    const { held } = server.app.get(UploadGateway);
    const client = await RawHubClient.open(farm, server.port);
    const [connection] = server.broadcaster.gateway(UploadGateway).localConnections;
    // In one frame, because the server reads nothing more after the first upload that is full.
    client.send(upload('1', 'Hold', 'a'), upload('2', 'Hold', 'b'), ...items('a', FULL), ...items('b', FULL));
    await expect.poll(() => [held.size, connection?.socket.isPaused]).toEqual([2, true]);
    held.get('1')?.resolve();
    await client.completion('1');
    expect(connection?.socket.isPaused).toBe(true);
    held.get('2')?.resolve();
    await client.completion('2');
    client.send({ type: 1, invocationId: '3', target: 'Echo', arguments: ['read again'] });
    expect(await client.completion('3')).toMatchObject({ result: 'read again' });
    expect(connection?.socket.isPaused).toBe(false);
  });

  it('is not read further when the uploads of its connection together take too many bytes', async () => {
    const server = await start({ limits: { bufferedBytes: 100_000 } });
    const { held } = server.app.get(UploadGateway);
    const client = await RawHubClient.open(farm, server.port);
    const [connection] = server.broadcaster.gateway(UploadGateway).localConnections;
    const large = (streamId: string): object => ({
      type: 2,
      invocationId: streamId,
      item: 'x'.repeat(40_000),
    });
    client.send(upload('1', 'Hold', 'a'), upload('2', 'Hold', 'b'), large('a'), large('b'));
    await expect.poll(() => held.size).toBe(2);
    expect(connection?.socket.isPaused).toBe(false);
    client.send(large('a'));
    await expect.poll(() => connection?.socket.isPaused).toBe(true);
    held.get('1')?.resolve();
    await client.completion('1');
    expect(connection?.socket.isPaused).toBe(false);
  });
});
