import { SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { beforeEach, describe, expect, it } from 'vitest';
import { Arg } from '../../lib/adapter/handler-parameters.js';
import { Deferred } from '../../lib/bus/deferred.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import type { ChatServer } from '../support/chat-app.js';
import { HubGateway } from '../support/hub.gateway.js';
import { Ack, HAS_ACK } from '../support/nest-release.js';
import { invocation, streamInvocation } from '../support/hub-server.js';
import { RawHubClient } from '../support/raw-hub-client.js';
import { useTestFarm } from '../support/test-farm.js';

@WebSocketGateway({ path: '/hub' })
class ReplyingGateway {
  readonly acknowledge = new Deferred();

  // In front of `move`, so that a search that ignores the letter case finds it first.
  @SubscribeMessage('MOVE')
  moveInCapitals(): string {
    return 'MOVE';
  }

  @SubscribeMessage('move')
  move(): string {
    return 'move';
  }

  @SubscribeMessage('Acknowledge later')
  acknowledgeLater(@Ack() ack: (value: unknown) => void): string {
    void this.acknowledge.promise.then(() => ack('acked'));
    return 'returned';
  }

  @SubscribeMessage('Refuse')
  refuse(): void {
    throw new WsException({ code: 5 });
  }

  @SubscribeMessage('Note')
  note(@Arg(0) text: string): string {
    return text;
  }
}

const farm = useTestFarm();
let server: ChatServer;
let client: RawHubClient;

const cancel = (id: string): object => ({ type: 5, invocationId: id });

describe('a call to the hub', () => {
  async function start(options: RedisBackplaneOptions = {}): Promise<HubGateway> {
    server = await farm.server({ ...farm.options(), signalr: true, ...options }, {}, HubGateway);
    client = await RawHubClient.open(farm, server.port);
    return server.app.get(HubGateway);
  }

  it('does not wait for a stream that is running, even if calls are handled one after the other', async () => {
    await start({ parallelInvocations: 1 });
    client.send(streamInvocation('1', 'Forever'));
    await client.until(({ frames }) => frames.length > 0);
    client.send(invocation('2', 'Echo', 'not delayed'));
    expect(await client.completion('2')).toMatchObject({ result: 'not delayed' });
    client.send(cancel('1'));
    await client.completion('1');
  });

  it('that its client cancels aborts the signal of the handler, and is completed', async () => {
    const { log } = await start();
    client.send(invocation('1', 'Wait'));
    await expect.poll(() => log).toEqual(['waits']);
    client.send(cancel('1'));
    expect(await client.completion('1')).toEqual({ type: 3, invocationId: '1', result: null });
    expect(log).toEqual(['waits', 'canceled']);
  });

  it('gets the last value of an Observable', async () => {
    await start();
    client.send(invocation('1', 'Numbers', 3), invocation('2', 'Numbers', 0));
    expect(await client.completion('1')).toEqual({ type: 3, invocationId: '1', result: 3 });
    expect(await client.completion('2')).toEqual({ type: 3, invocationId: '2', result: null });
    expect(client.frames).toHaveLength(2);
  });

  it.each([
    ['nowhere', invocation, "Unknown hub method 'nowhere'"],
    ['CRASH', invocation, "An unexpected error occurred invoking 'CRASH' on the server."],
    ['forBIDDEN', invocation, "Failed to invoke 'forBIDDEN' because user is unauthorized"],
    [
      'LINES',
      invocation,
      "The client attempted to invoke the streaming 'LINES' method with a non-streaming invocation.",
    ],
    [
      'echo',
      streamInvocation,
      "The client attempted to invoke the non-streaming 'echo' method with a streaming invocation.",
    ],
  ])('of %s gets an error that spells the target as the client does', async (target, send, error) => {
    await start();
    client.send(send('1', target));
    expect(await client.completion('1')).toEqual({ type: 3, invocationId: '1', error });
  });
});

describe('a handler', () => {
  beforeEach(async () => {
    server = await farm.server({ ...farm.options(), signalr: true }, {}, ReplyingGateway);
    client = await RawHubClient.open(farm, server.port);
  });

  it('whose name is exactly the target comes before one that differs in the letter case', async () => {
    client.send(invocation('1', 'move'), invocation('2', 'MOVE'), invocation('3', 'Move'));
    expect(await client.completion('1')).toMatchObject({ result: 'move' });
    expect(await client.completion('2')).toMatchObject({ result: 'MOVE' });
    expect(await client.completion('3')).toMatchObject({ result: 'MOVE' });
  });

  it.runIf(HAS_ACK)('with @Ack() completes the call only by that, not by what it returns', async () => {
    client.send(invocation('1', 'Acknowledge later'));
    client.send(invocation('2', 'Note', 'a round trip later'));
    await client.completion('2');
    expect(client.frames).toHaveLength(1);
    server.app.get(ReplyingGateway).acknowledge.resolve();
    expect(await client.completion('1')).toEqual({ type: 3, invocationId: '1', result: 'acked' });
    client.send(invocation('3', 'Note', 'another round trip'));
    await client.completion('3');
    expect(client.frames).toHaveLength(3);
  });

  it('that throws a WsException with an object tells the client its JSON', async () => {
    client.send(invocation('1', 'Refuse'));
    expect(await client.completion('1')).toMatchObject({
      error: 'An unexpected error occurred invoking \'Refuse\' on the server. HubException: {"code":5}',
    });
  });
});

describe('a plain client', () => {
  beforeEach(async () => {
    server = await farm.server({ ...farm.options(), signalr: true }, {}, HubGateway);
  });

  it('cannot call a handler that needs an upload', async () => {
    const plain = await farm.client(server, '/hub');
    plain.send('Sum', 1);
    expect(await plain.next('exception')).toMatchObject({
      data: { message: 'This message needs a stream, which only SignalR clients can send.' },
    });
  });

  it('sends one argument as data that is not an array', async () => {
    const plain = await farm.client(server, '/hub');
    for (const [data, first] of [
      ['text', 'text'],
      [['in', 'a list'], 'in'],
    ] as const) {
      plain.send('Note', data, 1);
      expect(await plain.next()).toMatchObject({ id: 1, data: first });
    }
  });
});
