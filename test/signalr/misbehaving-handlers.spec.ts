import { BadRequestException } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { finalize, interval, map, type Observable, of } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ChatServer } from '../support/chat-app.js';
import { useLog } from '../support/logged.js';
import { RawHubClient } from '../support/raw-hub-client.js';
import { turn, useTestFarm } from '../support/test-farm.js';

const GENERIC = 'An error occurred on the server while streaming results.';

@WebSocketGateway({ path: '/hub' })
class MisbehavingGateway {
  readonly log: string[] = [];
  private readonly shared = new ReadableStream<number>({ pull: (controller) => controller.enqueue(1) });

  @SubscribeMessage('Shared')
  sharedStream(): ReadableStream<number> {
    return this.shared;
  }

  @SubscribeMessage('Stubborn')
  stubborn(): AsyncIterable<number> {
    const iterator = {
      next: () => new Promise<never>(() => undefined),
      return: () => {
        this.log.push('return');
        throw new Error('I will not');
      },
    };
    return { [Symbol.asyncIterator]: () => iterator };
  }

  @SubscribeMessage('Ticks')
  ticks(): Observable<number> {
    return interval(1).pipe(finalize(() => this.log.push('ticks ended')));
  }

  @SubscribeMessage('Unsendable')
  unsendable(): Observable<bigint> {
    return interval(1).pipe(
      map(BigInt),
      finalize(() => this.log.push('unsendable ended')),
    );
  }

  @SubscribeMessage('Refusing')
  async *refusing(): AsyncGenerator<number> {
    yield await Promise.reject(new BadRequestException('no numbers today'));
  }

  @SubscribeMessage('Events')
  events(): Observable<{ event: string; data: number }> {
    return of({ event: 'One', data: 1 }, { event: 'Two', data: 2 });
  }

  @SubscribeMessage('Echo')
  echo(): string {
    return 'echo';
  }
}

const farm = useTestFarm();
const log = useLog();
let server: ChatServer;
let gateway: MisbehavingGateway;
let client: RawHubClient;
let escaped: unknown[];

beforeEach(async () => {
  escaped = farm.escapes();
  server = await farm.server({ ...farm.options(), signalr: true }, {}, MisbehavingGateway);
  gateway = server.app.get(MisbehavingGateway);
  client = await RawHubClient.open(farm, server.port);
});

const stream = (id: string, target: string): object => ({ type: 4, invocationId: id, target, arguments: [] });
const cancel = (id: string): object => ({ type: 5, invocationId: id });

async function isServed(): Promise<void> {
  client.send({ type: 1, invocationId: 'echo', target: 'Echo', arguments: [] });
  expect(await client.completion('echo')).toMatchObject({ result: 'echo' });
  await turn();
  expect(escaped).toEqual([]);
}

describe('a handler that returns', () => {
  it('a stream that somebody else reads gets an error, and the server goes on', async () => {
    client.send(stream('1', 'Shared'));
    await client.until(({ frames }) => frames.length > 0);
    client.send(stream('2', 'Shared'));
    expect(await client.completion('2')).toEqual({ type: 3, invocationId: '2', error: GENERIC });
    client.send(cancel('1'));
    expect(String(log.errors)).toContain('locked');
    await isServed();
  });

  it('an iterator that refuses to end does not keep the call open', async () => {
    client.send(stream('1', 'Stubborn'), cancel('1'));
    await client.completion('1');
    expect(String(log.errors)).toContain('I will not');
    client.send(stream('2', 'Stubborn'));
    client.socket.terminate();
    await expect.poll(() => gateway.log.length).toBeGreaterThanOrEqual(1);
    client = await RawHubClient.open(farm, server.port);
    await isServed();
  });

  it('an Observable whose cancellation arrives with the call sends nothing', async () => {
    client.send(stream('1', 'Ticks'), cancel('1'));
    expect(await client.completion('1')).toEqual({ type: 3, invocationId: '1' });
    await isServed();
  });

  it('an Observable that is canceled later is unsubscribed', async () => {
    client.send(stream('1', 'Ticks'));
    await client.until(({ frames }) => frames.length > 0);
    client.send(cancel('1'));
    await client.completion('1');
    expect(gateway.log).toEqual(['ticks ended']);
  });

  it('an Observable of values that cannot be sent is unsubscribed', async () => {
    client.send(stream('1', 'Unsendable'));
    expect(await client.completion('1')).toEqual({ type: 3, invocationId: '1', error: GENERIC });
    await expect.poll(() => gateway.log).toEqual(['unsendable ended']);
  });

  it('an async generator that throws an HttpException tells the client its message', async () => {
    client.send(stream('1', 'Refusing'));
    expect(await client.completion('1')).toMatchObject({
      error: `${GENERIC} HubException: no numbers today`,
    });
  });

  it('an Observable of events to a message without an id sends each of them', async () => {
    client.send({ type: 1, target: 'Events', arguments: [] });
    await client.until(({ frames }) => frames.length === 2);
    expect(client.frames.map(({ target }) => target)).toEqual(['One', 'Two']);
  });
});

describe('a client that names', () => {
  it.each([
    [
      'one stream twice in a call',
      [{ type: 1, invocationId: '1', target: 'Echo', arguments: [], streamIds: ['s', 's'] }],
    ],
    [
      'the stream of another call',
      [
        { ...stream('0', 'Ticks'), streamIds: ['s'] },
        { type: 1, invocationId: '1', target: 'Echo', arguments: [], streamIds: ['s'] },
      ],
    ],
  ])('%s is refused', async (_name, messages) => {
    client.send(...messages);
    expect(await client.completion('1')).toMatchObject({ error: "Invocation ID 's' is already in use." });
    await isServed();
  });

  it('an id that is too long, which every item would repeat, is closed', async () => {
    client.send(stream('x'.repeat(129), 'Ticks'));
    await client.until(({ closeCode }) => closeCode !== undefined);
    expect(client.closeCode).toBe(1002);
  });
});
