import { type ModuleMetadata } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { type Observable, of, range, tap } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { RETURNED_STREAMS, type ReturnedStream } from '../support/returned-streams.js';
import { turn, useTestFarm } from '../support/test-farm.js';
import type { WsClient } from '../support/ws-client.js';

const KINDS = Object.keys(RETURNED_STREAMS);
const MANY = 5_000_000;
const INTERCEPTED: ModuleMetadata = {
  providers: [
    {
      provide: APP_INTERCEPTOR,
      useValue: { intercept: (_: unknown, next: { handle(): unknown }) => next.handle() },
    },
  ],
};

@WebSocketGateway({ path: '/chat' })
class StreamingGateway {
  readonly returned: ReturnedStream[] = [];
  values = 0;
  /** Lets the handler of `late` return. Set once it runs. */
  release: (() => void) | undefined;

  @SubscribeMessage('late')
  async late(@MessageBody() kind: string): Promise<AsyncIterable<unknown> | undefined> {
    await new Promise<void>((resolve) => (this.release = resolve));
    return this.stream(kind);
  }

  @SubscribeMessage('replaced')
  replaced(@MessageBody() kind: string): Observable<unknown> {
    return of(this.stream(kind), 'last');
  }

  @SubscribeMessage('three')
  async *three(): AsyncGenerator<{ event: string; data: number }> {
    for (let data = 1; data <= 3; data++) yield await Promise.resolve({ event: 'number', data });
  }

  @SubscribeMessage('many')
  many(): Observable<number> {
    return range(0, MANY).pipe(tap(() => this.values++));
  }

  @SubscribeMessage('busy')
  async *busy(): AsyncGenerator<number> {
    for (;;) yield await Promise.resolve(this.values++);
  }

  @SubscribeMessage('echo')
  echo(): string {
    return 'echo';
  }

  private stream(kind: string): AsyncIterable<unknown> | undefined {
    const stream = RETURNED_STREAMS[kind]?.();
    if (stream) this.returned.push(stream);
    return stream?.items;
  }
}

const farm = useTestFarm();
let gateway: StreamingGateway;
let client: WsClient;
let escaped: unknown[];

async function start(metadata: ModuleMetadata = {}, options: RedisBackplaneOptions = {}): Promise<void> {
  const server = await farm.server({ ...farm.options(), ...options }, metadata, StreamingGateway);
  gateway = server.app.get(StreamingGateway);
  client = await farm.client(server);
}

beforeEach(() => {
  escaped = farm.escapes();
});

async function expectEnded(): Promise<void> {
  await expect.poll(() => gateway.returned.map(({ hasEnded }) => hasEnded())).toEqual([true]);
  await turn();
  expect(escaped).toEqual([]);
}

describe('a stream that a handler returns to a plain client', () => {
  it.each(KINDS)('is ended if the client has disconnected in the meantime: %s', async (kind) => {
    await start();
    client.send('late', kind, 7);
    await expect.poll(() => gateway.release).toBeDefined();
    client.socket.terminate();
    await client.closed;
    await turn();
    gateway.release?.();
    await expectEnded();
  });

  it.each(KINDS)('is ended if another value of an Observable replaces it: %s', async (kind) => {
    await start();
    client.send('replaced', kind, 7);
    expect(await client.next()).toEqual({ id: 7, data: 'last' });
    await expectEnded();
  });

  it('is read if an interceptor has put it into an Observable', async () => {
    await start(INTERCEPTED);
    client.send('three');
    for (let data = 1; data <= 3; data++) expect(await client.next()).toEqual({ event: 'number', data });
    client.send('three', undefined, 7);
    expect(await client.next()).toEqual({ id: 7, data: 3 });
  });

  it('leaves other messages their turns, although its items are always ready', async () => {
    await start();
    client.send('busy', undefined, 7);
    client.send('echo', undefined, 8);
    expect(await client.next()).toEqual({ id: 8, data: 'echo' });
    client.socket.terminate();
  });
});

it('an Observable of synchronous values ends once the buffer for a plain client is full', async () => {
  await start({}, { limits: { bufferedBytes: 64 * 1024 } });
  client.send('many');
  await client.closed;
  expect(gateway.values).toBeLessThan(MANY / 100);
});
