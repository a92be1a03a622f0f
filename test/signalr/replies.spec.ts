import { ConnectedSocket, SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { type Observable, of, throwError } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { Arg, CancelSignal, UploadStream } from '../../lib/adapter/handler-parameters.js';
import { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { Deferred } from '../../lib/bus/deferred.js';
import { useLog } from '../support/logged.js';
import { invocation, streamInvocation } from '../support/hub-server.js';
import { RawHubClient } from '../support/raw-hub-client.js';
import { turn, useTestFarm } from '../support/test-farm.js';

class UnreadableError extends WsException {
  override getError(): never {
    throw new Error('getError() failed');
  }
}

const UNREADABLE: Readonly<Record<string, () => unknown>> = {
  'an exception that cannot be read': () => new UnreadableError('x'),
  'an exception whose content cannot be read': () =>
    new WsException({
      get message(): string {
        throw new Error('a getter failed');
      },
    }),
  'a revoked proxy': revokedProxy,
};

@WebSocketGateway({ path: '/hub' })
class ReplyingGateway {
  readonly log: string[] = [];
  /** Handlers and their background work wait for it. */
  gate = new Deferred();

  @SubscribeMessage('Watch')
  watch(@CancelSignal() signal: AbortSignal): string {
    signal.addEventListener('abort', () => this.log.push('aborted'));
    return 'done';
  }

  @SubscribeMessage('WatchStream')
  async *watchStream(@CancelSignal() signal: AbortSignal): AsyncGenerator<string> {
    yield await Promise.resolve(this.watch(signal));
  }

  @SubscribeMessage('WatchLong')
  async watchLong(@CancelSignal() signal: AbortSignal): Promise<void> {
    this.watch(signal);
    this.log.push('running');
    await this.gate.promise;
  }

  @SubscribeMessage('ReadAhead')
  async readAhead(@UploadStream() items: AsyncIterable<string>): Promise<string> {
    const iterator = items[Symbol.asyncIterator]();
    const first = iterator.next();
    const second = iterator.next();
    this.log.push('reading');
    await this.gate.promise;
    await second.catch(() => undefined);
    return String((await first).value);
  }

  @SubscribeMessage('Late')
  late(@ConnectedSocket() client: BackplaneConnection): string {
    void this.gate.promise.then(() => client.emit('exception', { message: 'later' }));
    return 'done';
  }

  @SubscribeMessage('Throw')
  throw(@Arg(0) kind: string): never {
    throw UNREADABLE[kind]?.();
  }

  @SubscribeMessage('ThrowInStream')
  async *throwInStream(@Arg(0) kind: string): AsyncGenerator<number> {
    yield await Promise.resolve(1);
    throw UNREADABLE[kind]?.();
  }

  @SubscribeMessage('FailObservable')
  failObservable(@Arg(0) kind: string): Observable<never> {
    return throwError(() => UNREADABLE[kind]?.());
  }

  @SubscribeMessage('Proxies')
  proxies(): Observable<unknown> {
    return of(revokedProxy());
  }

  @SubscribeMessage('Getter')
  getter(): Observable<object> {
    return of({
      get event(): string {
        throw new Error('a getter failed');
      },
      data: 1,
    });
  }

  @SubscribeMessage('Echo')
  echo(): string {
    return 'echo';
  }
}

function revokedProxy(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

const farm = useTestFarm();
const log = useLog();
let gateway: ReplyingGateway;
let client: RawHubClient;
let escaped: unknown[];

beforeEach(async () => {
  escaped = farm.escapes();
  const server = await farm.server({ ...farm.options(), signalr: true }, {}, ReplyingGateway);
  gateway = server.app.get(ReplyingGateway);
  client = await RawHubClient.open(farm, server.port);
});

async function isServed(): Promise<void> {
  client.send(invocation('echo', 'Echo'));
  expect(await client.completion('echo')).toMatchObject({ result: 'echo' });
  await turn();
  expect(escaped).toEqual([]);
}

describe('the signal of @CancelSignal()', () => {
  it('does not abort when a call ends, nor when its client disconnects later', async () => {
    client.send(invocation('1', 'Watch'));
    await client.completion('1');
    await isServed();
    client.socket.terminate();
    await client.until(({ closeCode }) => closeCode !== undefined);
    await turn();
    expect(gateway.log).toEqual([]);
  });

  it('does not abort when a stream ends', async () => {
    client.send(streamInvocation('1', 'WatchStream'));
    expect(await client.completion('1')).not.toHaveProperty('error');
    await isServed();
    expect(gateway.log).toEqual([]);
  });

  it('aborts when the client cancels the call', async () => {
    client.send(invocation('1', 'WatchLong'));
    await expect.poll(() => gateway.log).toEqual(['running']);
    client.send({ type: 5, invocationId: '1' });
    await expect.poll(() => gateway.log).toEqual(['running', 'aborted']);
  });

  it('aborts when the client disconnects', async () => {
    client.send(invocation('1', 'WatchLong'));
    await expect.poll(() => gateway.log).toEqual(['running']);
    client.socket.terminate();
    await expect.poll(() => gateway.log).toEqual(['running', 'aborted']);
  });
});

describe('a handler that reads an upload ahead', () => {
  it.each([
    ['ends the upload with an error', { type: 3, invocationId: 's', error: 'boom' }],
    ['disconnects', undefined],
  ])('crashes nothing if its client %s', async (_name, message) => {
    client.send({ ...invocation('1', 'ReadAhead'), streamIds: ['s'] });
    await expect.poll(() => gateway.log).toEqual(['reading']);
    if (message) client.send(message);
    else client.socket.terminate();
    if (message) await isServed();
    else await client.until(({ closeCode }) => closeCode !== undefined);
    await turn();
    expect(escaped).toEqual([]);
    gateway.gate.resolve();
    if (message) expect(String((await client.completion('1'))['error'])).toContain('boom');
  });
});

describe('an `exception` that a handler emits after its reply', () => {
  const isException = ({ target }: { readonly target?: unknown }): boolean => target === 'exception';

  it('arrives as an event', async () => {
    client.send(invocation('1', 'Late'));
    await client.completion('1');
    gateway.gate.resolve();
    await client.until(({ frames }) => frames.some(isException));
    expect(client.frames.find(isException)).toMatchObject({ arguments: [{ message: 'later' }] });
  });

  it('does not arrive if the client has asked for no reply', async () => {
    client.send({ type: 1, target: 'Late', arguments: [] });
    await isServed();
    gateway.gate.resolve();
    await turn();
    await isServed();
    expect(client.frames.some(isException)).toBe(false);
  });
});

describe('an error that cannot be read', () => {
  const kinds = Object.keys(UNREADABLE);

  it.each(kinds)('fails the call that throws it: %s', async (kind) => {
    client.send(invocation('1', 'Throw', kind));
    expect(await client.completion('1')).toHaveProperty('error');
    await isServed();
  });

  it.each(kinds)('fails the async iterable that throws it: %s', async (kind) => {
    client.send(streamInvocation('1', 'ThrowInStream', kind));
    expect(await client.completion('1')).toEqual({
      type: 3,
      invocationId: '1',
      error: 'An error occurred on the server while streaming results.',
    });
    expect(log.errors).toHaveLength(1);
    await isServed();
  });

  it.each(kinds)('fails the Observable that throws it: %s', async (kind) => {
    client.send(streamInvocation('1', 'FailObservable', kind));
    expect(await client.completion('1')).toHaveProperty('error');
    await isServed();
  });
});

describe('a value of an Observable', () => {
  it('that is a revoked proxy fails the stream, and the call', async () => {
    client.send(streamInvocation('1', 'Proxies'), invocation('2', 'Proxies'));
    expect(await client.completion('1')).toHaveProperty('error');
    expect(await client.completion('2')).toHaveProperty('error');
    await isServed();
  });

  it('whose getter throws is logged if the client has asked for no reply', async () => {
    client.send({ type: 1, target: 'Getter', arguments: [] });
    await isServed();
    expect(String(log.errors)).toContain('a getter failed');
  });
});
