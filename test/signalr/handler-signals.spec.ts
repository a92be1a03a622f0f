import { ConnectedSocket, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Arg, CancelSignal, UploadStream } from '../../lib/adapter/handler-parameters.js';
import { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { Deferred } from '../../lib/bus/deferred.js';
import type { SignalRRedirect } from '../../lib/options/signalr-options.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import type { ChatServer } from '../support/chat-app.js';
import { portOfNobody } from '../support/free-ports.js';
import { clientThatIsAway, hubServer, invocation, streamInvocation } from '../support/hub-server.js';
import { useLog } from '../support/logged.js';
import { RawHubClient } from '../support/raw-hub-client.js';
import { turn, useTestFarm } from '../support/test-farm.js';

@WebSocketGateway({ path: '/hub' })
class SignalGateway {
  /** What the handlers have done, in order. */
  readonly log: string[] = [];
  /** Background work that a handler has left running. */
  background: Promise<unknown> | undefined;
  readonly replied = new Deferred();

  handleDisconnect(): void {
    this.log.push('disconnected');
  }

  @SubscribeMessage('Echo')
  echo(@Arg(0) data: unknown): unknown {
    return data;
  }

  @SubscribeMessage('Answer')
  answer(@CancelSignal() signal: AbortSignal): number {
    this.note(signal);
    return 1;
  }

  @SubscribeMessage('Lines')
  async *lines(@CancelSignal() signal: AbortSignal): AsyncGenerator<string> {
    this.note(signal);
    yield await Promise.resolve('line');
  }

  @SubscribeMessage('Wait')
  async wait(@CancelSignal() signal: AbortSignal): Promise<void> {
    const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
    this.note(signal);
    this.log.push('waits');
    await aborted;
  }

  @SubscribeMessage('WaitingLines')
  async *waitingLines(@CancelSignal() signal: AbortSignal): AsyncGenerator<string> {
    await this.wait(signal);
    yield 'line';
  }

  @SubscribeMessage('EndlessLines')
  async *endlessLines(@CancelSignal() signal: AbortSignal): AsyncGenerator<string> {
    this.note(signal);
    for (;;) yield await new Promise((resolve) => setImmediate(resolve, 'line'));
  }

  @SubscribeMessage('Pair')
  async pair(
    @UploadStream(0) left: AsyncIterable<number>,
    @UploadStream(1) right: AsyncIterable<number>,
  ): Promise<number[]> {
    const [one, other] = [left[Symbol.asyncIterator]().next(), right[Symbol.asyncIterator]().next()];
    this.log.push('waits');
    return [(await one).value as number, (await other).value as number];
  }

  @SubscribeMessage('Late')
  late(@ConnectedSocket() client: BackplaneConnection): number {
    this.background = this.replied.promise.then(() => client.emit('exception', { message: 'late' }));
    return 1;
  }

  private note(signal: AbortSignal): void {
    signal.addEventListener('abort', () => this.log.push('aborted'));
  }
}

const farm = useTestFarm();
const log = useLog();

async function start(): Promise<{ server: ChatServer; gateway: SignalGateway; client: RawHubClient }> {
  const server = await hubServer(farm, {}, SignalGateway);
  const client = await RawHubClient.open(farm, server.port);
  return { server, gateway: server.app.get(SignalGateway), client };
}

async function isServed(client: RawHubClient): Promise<void> {
  client.send(invocation('echo', 'Echo', 1));
  expect(await client.completion('echo')).toMatchObject({ result: 1 });
}

describe('@CancelSignal()', () => {
  it.each([
    ['a call that has succeeded', invocation('1', 'Answer')],
    ['a stream that has ended by itself', streamInvocation('1', 'Lines')],
  ])('does not abort after %s, not even when the client disconnects', async (_what, message) => {
    const { gateway, client } = await start();
    client.send(message);
    expect(await client.completion('1')).not.toHaveProperty('error');
    await isServed(client);
    expect(gateway.log).toEqual([]);
    client.socket.terminate();
    await expect.poll(() => gateway.log).toContain('disconnected');
    expect(gateway.log).toEqual(['disconnected']);
  });

  it.each([
    ['a call', invocation('1', 'Wait')],
    ['a stream', streamInvocation('1', 'WaitingLines')],
  ])('aborts when the client cancels %s, or disconnects during it', async (_what, message) => {
    const { server, gateway, client } = await start();
    client.send(message);
    await expect.poll(() => gateway.log).toEqual(['waits']);
    client.send({ type: 5, invocationId: '1' });
    await expect.poll(() => gateway.log).toEqual(['waits', 'aborted']);
    const other = await RawHubClient.open(farm, server.port);
    other.send(message);
    await expect.poll(() => gateway.log).toEqual(['waits', 'aborted', 'waits']);
    other.socket.terminate();
    await expect.poll(() => gateway.log.slice(3).sort()).toEqual(['aborted', 'disconnected']);
  });
});

it.each([
  ['announces that it disconnects', (client: RawHubClient) => client.send({ type: 7 })],
  ['closes its socket', ({ socket }: RawHubClient) => socket.close()],
])('@CancelSignal() aborts in the middle of a stream when the client %s', async (_how, disconnect) => {
  const { gateway, client } = await start();
  client.send(streamInvocation('1', 'EndlessLines'));
  await client.until(({ frames }) => frames.length > 2);
  disconnect(client);
  await expect.poll(() => gateway.log.toSorted()).toEqual(['aborted', 'disconnected']);
});

it('a handler that has asked two uploads for an item does not crash the server when the client disconnects', async () => {
  const escaped = farm.escapes();
  const { server, gateway, client } = await start();
  client.send({ ...invocation('1', 'Pair'), streamIds: ['a', 'b'] });
  await expect.poll(() => gateway.log).toEqual(['waits']);
  client.socket.terminate();
  await expect.poll(() => gateway.log).toContain('disconnected');
  await isServed(await RawHubClient.open(farm, server.port));
  await turn();
  expect(escaped).toEqual([]);
});

it('an exception that background work emits after the reply reaches the client as an event', async () => {
  const { gateway, client } = await start();
  client.send(invocation('1', 'Late'));
  expect(await client.completion('1')).toMatchObject({ result: 1 });
  gateway.replied.resolve();
  await gateway.background;
  await isServed(client);
  expect(client.frames).toContainEqual({ type: 1, target: 'exception', arguments: [{ message: 'late' }] });
});

describe('a redirect that is not a URL with an access token', () => {
  const INVALID: [string, unknown][] = [
    ['a number as URL', { url: 1 }],
    ['no URL', { accessToken: 'x' }],
    ['a BigInt as token', { url: 'http://localhost', accessToken: 1n }],
    ['a text', 'http://localhost'],
  ];

  const statusOf = async (port: number): Promise<number> => {
    const url = `http://127.0.0.1:${port}/hub/negotiate?negotiateVersion=1`;
    const { status } = await fetch(url, { method: 'POST', signal: AbortSignal.timeout(10_000) });
    return status;
  };
  // What a JavaScript app may return.
  const redirectTo = (answer: unknown) => ({ redirect: () => answer as SignalRRedirect });

  it.each(INVALID)('(%s) is answered with 503 and logged', async (_what, answer) => {
    const { port } = await hubServer(farm, { signalr: redirectTo(answer) });
    expect(await statusOf(port)).toBe(503);
    expect(String(log.errors)).toContain('redirect');
  });

  it.each(INVALID)('(%s) is answered on a gateway’s own port, too', async (_what, answer) => {
    const escaped = farm.escapes();
    const port = await portOfNobody();
    @WebSocketGateway(port, { path: '/hub' })
    class OwnPortGateway {}
    await hubServer(farm, { signalr: redirectTo(answer) }, OwnPortGateway);
    expect(await statusOf(port)).toBe(503);
    expect(String(log.errors)).toContain('redirect');
    expect(escaped).toEqual([]);
  });
});

describe('volatile messages', () => {
  it.each([false, true])(
    'of one turn all reach a client that is not slow (with stateful reconnect: %s)',
    async (isStateful) => {
      const { server } = await start();
      const client = await RawHubClient.open(farm, server.port, { isStateful });
      const { volatile } = server.broadcaster.gateway('/hub');
      for (let count = 0; count < 200; count++) void volatile.emit('Said', 'x'.repeat(1000));
      await isServed(client);
      expect(client.frames.filter(({ target }) => target === 'Said')).toHaveLength(200);
      expect(server.backplane.counters.volatileDropped).toBe(0);
    },
  );

  it('to a client that is away are counted as dropped', async () => {
    const server = await hubServer(farm);
    await clientThatIsAway(farm, server);
    await server.broadcaster.gateway('/hub').volatile.emit('Said', 1);
    expect(server.backplane.counters.volatileDropped).toBe(1);
  });
});

describe('an app without gateways', () => {
  afterEach(() => vi.useRealTimers());

  it.each([false, true])('has no timers after it was closed (signalr: %s)', async (signalr) => {
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'],
      shouldAdvanceTime: true,
    });
    const backplane = RedisBackplaneModule.forRoot({ ...farm.options(), signalr });
    const app = await farm.context({ imports: [backplane] });
    await app.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});
