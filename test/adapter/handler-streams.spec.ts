import {
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  Scope,
  type Type,
} from '@nestjs/common';
import { MessageBody, SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { concat, defer, EMPTY, finalize, NEVER, Observable, of, tap, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { RedisBackplaneAdapter } from '../../lib/adapter/redis-backplane.adapter.js';
import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import { RedisBackplane } from '../../lib/broadcast/redis-backplane.js';
import { Deferred } from '../../lib/bus/deferred.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { type Running } from '../support/adapters.js';
import { useLog } from '../support/logged.js';
import { eventFrame, RawClient } from '../support/raw-client.js';
import { listen, turn, useTestFarm } from '../support/test-farm.js';
import type { WsClient } from '../support/ws-client.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What the handlers have done so far. `release` ends the handlers of `wait`. */
let running = 0;
let mostRunning = 0;
let started: unknown[] = [];
let release: Deferred;

const RESULTS: Readonly<Record<string, () => unknown>> = {
  value: () => 1,
  stream: () => of(1, 2),
  'promise of a stream': () => Promise.resolve(of(1, 2)),
  empty: () => EMPTY,
  nothing: () => undefined,
  error: () => throwError(() => new WsException('no')),
  'thrown error': () => {
    throw new WsException('no');
  },
  unsendable: () => of(1n),
};

class Handlers {
  @SubscribeMessage('result')
  result(@MessageBody() kind: string): unknown {
    return RESULTS[kind]?.();
  }

  @SubscribeMessage('wait')
  async wait(@MessageBody() name: unknown): Promise<unknown> {
    started.push(name);
    mostRunning = Math.max(mostRunning, ++running);
    await release.promise;
    running--;
    return { event: 'waited', data: name };
  }

  @SubscribeMessage('forever')
  forever(@MessageBody() name: unknown): Observable<unknown> {
    return defer(() => {
      started.push(name);
      mostRunning = Math.max(mostRunning, ++running);
      return concat(of({ event: 'first', data: name }), NEVER);
    }).pipe(finalize(() => running--));
  }

  @SubscribeMessage('bad teardown')
  badTeardown(): Observable<unknown> {
    return concat(of({ event: 'first' }), NEVER).pipe(
      finalize(() => {
        throw new Error('the teardown fails');
      }),
    );
  }

  @SubscribeMessage('quick')
  quick(@MessageBody() data: unknown) {
    return { event: 'quick', data };
  }
}

@WebSocketGateway({ path: '/chat' })
class StreamGateway extends Handlers {}

@Injectable({ scope: Scope.REQUEST })
class PerRequest {}

@WebSocketGateway({ path: '/chat' })
class RequestScopedGateway extends Handlers {
  constructor(readonly perRequest: PerRequest) {
    super();
  }
}

class Transparent implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    return next.handle().pipe(tap());
  }
}

/** Not `APP_INTERCEPTOR`, because Nest 11 does not apply it to gateways. */
function interceptedForm(gateway: Type<object>): Type {
  @UseInterceptors(Transparent)
  class Intercepted extends gateway {}
  return Intercepted;
}

const farm = useTestFarm();
const log = useLog();

async function start(
  options: RedisBackplaneOptions = {},
  gateway: Type = StreamGateway,
  intercepted = true,
): Promise<{ server: Running; client: WsClient; connection: BackplaneConnection }> {
  [running, mostRunning, started, release] = [0, 0, [], new Deferred()];
  const app = await farm.app({
    imports: [RedisBackplaneModule.forRoot({ ...farm.options(), ...options })],
    providers: [intercepted ? interceptedForm(gateway as Type<object>) : gateway, PerRequest],
  });
  const server = { app, port: await listen(app) };
  const client = await farm.client(server);
  const [connection] = app.get(Broadcaster).localConnections;
  return { server, client, connection: connection as BackplaneConnection };
}

const tooMany = ({ app }: Running): number => app.get(RedisBackplane).counters.tooMany;

interface SessionInside {
  readonly disconnectListeners: unknown[];
  readonly streams?: { readonly running: ReadonlySet<unknown> };
}

/** How many listeners and running streams the server keeps for the connection. */
function retained({ app }: Running, connection: BackplaneConnection): { listeners: number; streams: number } {
  const adapter = app.get<{ sessionOf(client: BackplaneConnection): SessionInside }>(RedisBackplaneAdapter);
  const { disconnectListeners, streams } = adapter.sessionOf(connection);
  return { listeners: disconnectListeners.length, streams: streams?.running.size ?? 0 };
}

async function settled(client: WsClient, mark: unknown): Promise<void> {
  client.send('quick', mark);
  while ((await client.next('quick')).data !== mark);
}

describe.each<[name: string, gateway: Type, intercepted: boolean]>([
  ['a gateway', StreamGateway, false],
  ['a gateway with a global interceptor', StreamGateway, true],
  ['a request-scoped gateway with a global interceptor', RequestScopedGateway, true],
])('the session of a client of %s', (_name, gateway, intercepted) => {
  it.each(Object.keys(RESULTS).flatMap((kind) => [[kind, undefined] as const, [kind, 7] as const]))(
    'retains nothing after 50 messages with the result "%s" and the id %s',
    async (kind, id) => {
      const { server, client, connection } = await start({}, gateway, intercepted);
      const before = retained(server, connection);
      for (let times = 0; times < 50; times++) client.send('result', kind, id);
      await settled(client, 'end');
      expect(retained(server, connection)).toEqual({ listeners: before.listeners, streams: 0 });
    },
  );
});

describe('thousands of messages through an interceptor', () => {
  it.each([
    ['a gateway', 20_000, StreamGateway],
    ['a request-scoped gateway', 10_000, RequestScopedGateway],
  ])(
    'to %s do not grow the heap while their client stays connected (%d messages)',
    async (_name, messages, gateway) => {
      const { server } = await start({}, gateway);
      const client = await RawClient.ask(server, '/chat');
      farm.onEnd(() => client.socket.destroy());
      await client.until('\r\n\r\n');
      const kinds = Object.keys(RESULTS);
      const send = async (count: number, mark: string): Promise<void> => {
        for (let sent = 0; sent < count; sent += 1000) {
          const batch = Array.from({ length: 1000 }, (_, index) =>
            eventFrame('result', kinds[index % kinds.length], index % 3 === 0 ? index : undefined),
          );
          client.write(Buffer.concat([...batch, eventFrame('quick', `${mark}${sent}`)]));
          await client.until(`"${mark}${sent}"`);
          client.received = '';
        }
      };
      await send(3_000, 'warm-up');
      const before = await heapUsed();
      await send(messages, 'counted');
      // When each message left a listener and a subject behind, they took 310 bytes.
      expect(((await heapUsed()) - before) / messages).toBeLessThan(100);
    },
    60_000,
  );
});

async function heapUsed(): Promise<number> {
  for (let times = 0; times < 2; times++) {
    collectGarbage();
    await turn();
  }
  return process.memoryUsage().heapUsed;
}

describe('a handler behind an interceptor', () => {
  it.each([1, 3])(
    'counts as running until it ends: parallelInvocations %d of 20',
    async (parallelInvocations) => {
      const { client } = await start({ parallelInvocations });
      for (let index = 0; index < 20; index++) client.send('wait', index);
      client.socket.ping();
      await new Promise((resolve) => client.socket.once('pong', resolve));
      expect(running).toBe(parallelInvocations);
      release.resolve();
      await client.count('waited', 20);
      expect(mostRunning).toBe(parallelInvocations);
      if (parallelInvocations === 1) expect(client.dataOf('waited')).toEqual([...Array(20).keys()]);
    },
  );

  it('counts as pending while it runs: exceeding limits.pendingMessages closes the connection', async () => {
    const { client, server } = await start({ limits: { pendingMessages: 10 } });
    for (let index = 0; index < 10; index++) client.send('wait', index, index);
    client.socket.ping();
    await new Promise((resolve) => client.socket.once('pong', resolve));
    expect(client.socket.readyState).toBe(client.socket.OPEN);
    client.send('wait');
    expect(await client.closed).toEqual({ code: 1008, reason: 'Too many messages are pending' });
    expect(tooMany(server)).toBe(1);
    release.resolve();
  });

  it('is not pending if it ends at once, however many messages arrive in one packet', async () => {
    const { server } = await start({ limits: { pendingMessages: 10 } });
    const client = await RawClient.ask(server, '/chat');
    farm.onEnd(() => client.socket.destroy());
    await client.until('\r\n\r\n');
    client.write(Buffer.concat(Array.from({ length: 2000 }, (_, index) => eventFrame('quick', index))));
    await client.until('"data":1999}');
    expect(tooMany(server)).toBe(0);
  });
});

describe('a stream that never ends', () => {
  it.each([undefined, 7])('counts as pending, with the id %s', async (id) => {
    const { client } = await start({ limits: { pendingMessages: 5 } }, StreamGateway, false);
    for (let index = 0; index < 6; index++) client.send('forever', index, id);
    expect(await client.closed).toMatchObject({ code: 1008 });
    await expect.poll(() => running).toBe(0);
  });

  it('with parallelInvocations: 1 blocks later messages, which never run after a disconnect', async () => {
    const { server, client } = await start({ parallelInvocations: 1 });
    const other = await farm.client(server);
    client.send('forever', 'first');
    client.send('wait', 'second');
    client.send('forever', 'third');
    await client.next('first');
    await settled(other, 'others do not wait');
    expect(started).toEqual(['first']);
    await client.close();
    await expect.poll(() => running).toBe(0);
    await settled(other, 'later');
    expect(started).toEqual(['first']);
  });

  it('whose teardown throws is logged, and neither crashes the server nor stops other streams', async () => {
    const escaped = farm.escapes();
    const { server, client } = await start({}, StreamGateway, false);
    const other = await farm.client(server);
    client.send('bad teardown');
    client.send('forever', 1);
    client.send('bad teardown');
    await client.count('first', 3);
    await client.close();
    await expect.poll(() => running).toBe(0);
    await settled(other, 'still served');
    // RxJS rethrows unhandled errors in a timer.
    await new Promise((resolve) => setTimeout(resolve));
    expect(escaped).toEqual([]);
    expect(log.errors.map(([line]) => line)).toEqual([
      expect.stringContaining("The teardown of a handler's stream failed"),
    ]);
  });
});
