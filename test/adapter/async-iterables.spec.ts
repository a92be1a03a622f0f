import { SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { CancelSignal } from '../../lib/adapter/handler-parameters.js';
import { useTestFarm } from '../support/test-farm.js';

const log: string[] = [];

@WebSocketGateway({ path: '/chat' })
class IteratingGateway {
  @SubscribeMessage('count')
  async *count(): AsyncGenerator<{ event: string; data: number }> {
    for (let data = 1; data <= 3; data++) yield await Promise.resolve({ event: 'number', data });
  }

  @SubscribeMessage('broken')
  async *broken(): AsyncGenerator<{ event: string; data: number }> {
    yield await Promise.resolve({ event: 'number', data: 1 });
    throw new WsException('out of numbers');
  }

  @SubscribeMessage('buggy')
  async *buggy(): AsyncGenerator<number> {
    yield await Promise.reject(new Error('secret'));
  }

  @SubscribeMessage('forever')
  async *forever(@CancelSignal() signal: AbortSignal): AsyncGenerator<{ event: string; data: number }> {
    signal.addEventListener('abort', () => log.push('aborted'));
    try {
      for (let data = 0; ; data++) {
        yield { event: 'number', data };
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      log.push('ended');
    }
  }
}

const farm = useTestFarm();
const connect = async () => farm.client(await farm.server(farm.options(), {}, IteratingGateway));

describe('an async iterable that a handler returns to a plain client', () => {
  it('is sent item by item', async () => {
    const client = await connect();
    client.send('count');
    for (let data = 1; data <= 3; data++) expect(await client.next()).toEqual({ event: 'number', data });
  });

  it('is the reply with its last item, to a frame with an id', async () => {
    const client = await connect();
    client.send('count', undefined, 7);
    expect(await client.next()).toEqual({ id: 7, data: 3 });
  });

  it('that throws ends with an exception', async () => {
    const client = await connect();
    client.send('broken');
    expect(await client.next()).toMatchObject({ data: 1 });
    const exception = { status: 'error', message: 'out of numbers' };
    expect(await client.next()).toEqual({ event: 'exception', data: exception });
    client.send('broken', undefined, 8);
    expect(await client.next()).toEqual({ id: 8, error: exception });
  });

  it('that has a bug reveals nothing', async () => {
    const client = await connect();
    client.send('buggy', undefined, 9);
    expect(await client.next()).toEqual({
      id: 9,
      error: { status: 'error', message: 'Internal server error' },
    });
  });

  it('ends when the client disconnects', async () => {
    const client = await connect();
    client.send('forever');
    await client.next();
    client.socket.terminate();
    await expect.poll(() => log.toSorted()).toEqual(['aborted', 'ended']);
  });
});
