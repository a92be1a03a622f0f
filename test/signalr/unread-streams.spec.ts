import type { ModuleMetadata } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { beforeEach, describe, expect, it } from 'vitest';
import { Arg } from '../../lib/adapter/handler-parameters.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { useLog } from '../support/logged.js';
import { RawHubClient } from '../support/raw-hub-client.js';
import { RETURNED_STREAMS, type ReturnedStream } from '../support/returned-streams.js';
import { turn, useTestFarm } from '../support/test-farm.js';

const KINDS = Object.keys(RETURNED_STREAMS);
const INTERCEPTED: ModuleMetadata = {
  providers: [
    {
      provide: APP_INTERCEPTOR,
      useValue: { intercept: (_: unknown, next: { handle(): unknown }) => next.handle() },
    },
  ],
};

@WebSocketGateway({ path: '/hub' })
class StreamingGateway {
  readonly returned: ReturnedStream[] = [];
  values = 0;
  /** Lets the handler of `Late` return. Set once it runs. */
  release: (() => void) | undefined;

  @SubscribeMessage('Stream')
  stream(@Arg(0) kind: string): AsyncIterable<unknown> | undefined {
    const stream = RETURNED_STREAMS[kind]?.();
    if (stream) this.returned.push(stream);
    return stream?.items;
  }

  @SubscribeMessage('Late')
  async late(@Arg(0) kind: string): Promise<AsyncIterable<unknown> | undefined> {
    await new Promise<void>((resolve) => (this.release = resolve));
    return this.stream(kind);
  }

  @SubscribeMessage('HangingEnd')
  hangingEnd(): AsyncIterable<bigint> {
    const iterator = {
      next: () => Promise.resolve({ done: false, value: 1n }),
      return: () => new Promise<never>(() => undefined),
    };
    return { [Symbol.asyncIterator]: () => iterator };
  }

  @SubscribeMessage('NoIterator')
  noIterator(): object {
    return { [Symbol.asyncIterator]: () => null };
  }

  @SubscribeMessage('Busy')
  async *busy(): AsyncGenerator<number> {
    for (;;) yield await Promise.resolve(this.values++);
  }

  @SubscribeMessage('Echo')
  echo(): string {
    return 'echo';
  }
}

const farm = useTestFarm();
const log = useLog();
let gateway: StreamingGateway;
let client: RawHubClient;
let escaped: unknown[];

async function start(metadata: ModuleMetadata = {}, options: RedisBackplaneOptions = {}): Promise<void> {
  const server = await farm.server(
    { ...farm.options(), signalr: true, ...options },
    metadata,
    StreamingGateway,
  );
  gateway = server.app.get(StreamingGateway);
  client = await RawHubClient.open(farm, server.port);
}

beforeEach(() => {
  escaped = farm.escapes();
});

const call = (type: 1 | 4, target: string, ...args: unknown[]): object => ({
  type,
  invocationId: '1',
  target,
  arguments: args,
});
const cancel = { type: 5, invocationId: '1' };

async function expectEnded(): Promise<void> {
  await expect.poll(() => gateway.returned.map(({ hasEnded }) => hasEnded())).toEqual([true]);
  await turn();
  expect(escaped).toEqual([]);
}

async function running(): Promise<() => void> {
  await expect.poll(() => gateway.release).toBeDefined();
  return gateway.release ?? (() => undefined);
}

describe.each([
  ['', {}],
  [' through an interceptor', INTERCEPTED],
])('a stream that a handler returns%s is ended if its client', (_how, metadata) => {
  beforeEach(() => start(metadata));

  it.each(KINDS)('has asked for a single result: %s', async (kind) => {
    client.send(call(1, 'Stream', kind));
    expect(await client.completion('1')).toHaveProperty('error');
    await expectEnded();
  });

  it.each(KINDS)('has asked for no reply: %s', async (kind) => {
    client.send({ type: 1, target: 'Stream', arguments: [kind] });
    await expectEnded();
  });

  it.each(KINDS)('cancels while it reads: %s', async (kind) => {
    client.send(call(4, 'Stream', kind));
    await expect.poll(() => gateway.returned.length).toBe(1);
    client.send(cancel);
    await client.completion('1');
    await expectEnded();
  });
});

describe('a stream that a handler returns is ended if its client', () => {
  beforeEach(() => start());

  it.each(KINDS)('has canceled before the handler returns: %s', async (kind) => {
    client.send(call(4, 'Late', kind), cancel);
    (await running())();
    await client.completion('1');
    await expectEnded();
  });

  it.each(KINDS)('has disconnected before the handler returns: %s', async (kind) => {
    client.send(call(4, 'Late', kind));
    const release = await running();
    client.socket.terminate();
    await client.until(({ closeCode }) => closeCode !== undefined);
    await turn();
    release();
    await expectEnded();
  });
});

describe('a stream', () => {
  it('whose items cannot be sent ends the call, even if the iterator never reacts', async () => {
    await start({}, { limits: { pendingMessages: 2 } });
    for (let times = 0; times < 4; times++) {
      client.frames.length = 0;
      client.send(call(4, 'HangingEnd'));
      const { error } = await client.completion('1');
      expect(error).toBe('An error occurred on the server while streaming results.');
    }
  });

  it('whose iterable has no iterator fails', async () => {
    await start();
    client.send(call(4, 'NoIterator'));
    expect(await client.completion('1')).toHaveProperty('error');
    expect(String(log.errors)).toContain('returned no iterator');
  });

  it('whose items are always ready leaves other messages their turns', async () => {
    await start();
    client.send(call(4, 'Busy'));
    client.send({ type: 1, invocationId: '2', target: 'Echo', arguments: [] });
    expect(await client.completion('2')).toMatchObject({ result: 'echo' });
    client.socket.terminate();
  });
});
