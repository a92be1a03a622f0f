import { type Type, UseFilters } from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { beforeEach, describe, expect, it } from 'vitest';
import { BackplaneExceptionFilter } from '../../lib/adapter/backplane-exception.filter.js';
import { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import { startRedis, type RedisServer } from '../support/redis-server.js';
import { useTestFarm } from '../support/test-farm.js';
import type { WsClient } from '../support/ws-client.js';

class ChatHandlers {
  @WebSocketServer() private readonly server!: Broadcaster;

  @SubscribeMessage('join')
  join(@ConnectedSocket() client: BackplaneConnection, @MessageBody() group: string) {
    return client.join(group);
  }

  @SubscribeMessage('say')
  say(@MessageBody() text: string) {
    return this.server.emit('said', text);
  }

  @SubscribeMessage('say-much')
  sayMuch() {
    return this.server.emit('said', 'x'.repeat(1024 * 1024));
  }

  @SubscribeMessage('whisper')
  whisper(@MessageBody() id: string) {
    return this.server.connection(id).invoke('whispered');
  }

  @SubscribeMessage('fail')
  fail() {
    throw new Error('a secret');
  }
}

@UseFilters(BackplaneExceptionFilter)
@WebSocketGateway({ path: '/chat' })
class FilteredGateway extends ChatHandlers {}

class GermanFilter extends BackplaneExceptionFilter {
  constructor() {
    super({ includeCause: false });
  }

  protected override messageOf(error: Error): string {
    return error.name === 'NotPublishedError' ? 'Nur hier angekommen.' : super.messageOf(error);
  }
}

@UseFilters(GermanFilter)
@WebSocketGateway({ path: '/chat' })
class GermanGateway extends ChatHandlers {}

@WebSocketGateway({ path: '/chat' })
class UnfilteredGateway extends ChatHandlers {}

const farm = useTestFarm();
let redis: RedisServer;
beforeEach(async () => {
  redis = await startRedis();
  farm.onEnd(() => redis.stop());
});

/** Connects a client to a new server. If `lost` is set, Redis is then killed. */
async function connect(gateway: Type, lost = false): Promise<WsClient> {
  const server = await farm.server(farm.options(redis.url), {}, gateway);
  const client = await farm.client(server);
  if (lost) {
    await redis.kill();
    await expect.poll(() => server.backplane.status.state).not.toBe('ready');
  }
  return client;
}

async function failure(client: WsClient, event: string, data?: unknown): Promise<unknown> {
  client.send(event, data);
  return (await client.next('exception')).data;
}

describe('BackplaneExceptionFilter', () => {
  it('tells a client how the Redis outage affected its message, and names the error', async () => {
    const client = await connect(FilteredGateway, true);
    const [join, say] = [await failure(client, 'join', 'room'), await failure(client, 'say', 'hello')];
    expect(join).toEqual({
      status: 'error',
      error: 'NotJoinedError',
      message: 'The group cannot be joined now.',
      cause: { pattern: 'join', data: 'room' },
    });
    expect(say).toMatchObject({
      error: 'NotPublishedError',
      message: 'Only clients of this server received the message.',
    });
    // The error may contain the address of Redis, which clients must not see.
    expect(JSON.stringify([join, say])).not.toMatch(/redis|127\.0\.0\.1/i);
  });

  it('tells a client what was wrong with its own message', async () => {
    const client = await connect(FilteredGateway);
    expect(await failure(client, 'join', '')).toMatchObject({ error: 'InvalidNameError' });
    expect(await failure(client, 'say-much')).toMatchObject({
      error: 'MessageTooLargeError',
    });
    expect(await failure(client, 'whisper', 'nobody.here')).toMatchObject({
      error: 'ConnectionNotFoundError',
    });
  });

  it('answers a frame that has an id', async () => {
    const client = await connect(FilteredGateway, true);
    client.send('say', 'hello', 7);
    await client.next('said');
    expect(await client.next()).toMatchObject({ id: 7, error: { error: 'NotPublishedError' } });
  });

  it('leaves other errors to the other filters', async () => {
    const client = await connect(FilteredGateway);
    expect(await failure(client, 'fail')).toMatchObject({ message: 'Internal server error' });
  });

  it('sends the text of a subclass that overrides messageOf', async () => {
    const client = await connect(GermanGateway, true);
    expect(await failure(client, 'say', 'hallo')).toEqual({
      status: 'error',
      error: 'NotPublishedError',
      message: 'Nur hier angekommen.',
    });
  });

  it('is optional: a gateway without it sends the same errors', async () => {
    const client = await connect(UnfilteredGateway, true);
    expect(await failure(client, 'join', 'room')).toEqual({
      status: 'error',
      error: 'NotJoinedError',
      message: 'The group cannot be joined now.',
      cause: { pattern: 'join', data: 'room' },
    });
    client.send('say', 'hello', 7);
    await client.next('said');
    expect(await client.next()).toMatchObject({ id: 7, error: { error: 'NotPublishedError' } });
  });
});
