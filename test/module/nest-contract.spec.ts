import { createServer, type Server } from 'node:http';
import {
  Catch,
  type ExceptionFilter,
  Inject,
  Injectable,
  type OnModuleInit,
  UseFilters,
} from '@nestjs/common';
import { EXCEPTION_FILTERS_METADATA } from '@nestjs/common/constants.js';
import { AbstractHttpAdapter, ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import {
  type MessageMappingProperties,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { GATEWAY_METADATA, GATEWAY_OPTIONS, PORT_METADATA } from '@nestjs/websockets/constants.js';
import { type Observable, Subject } from 'rxjs';
import { WebSocketServer as WsServer } from 'ws';
import { describe, expect, it } from 'vitest';
import { gatewayPath } from '../../lib/broadcast/gateway-path.js';
import { Deferred } from '../../lib/bus/deferred.js';
import { listen, useTestFarm } from '../support/test-farm.js';

// Behavior of Nest that the library relies on although it is not public API. If a new version of Nest changes it, these
// tests fail first.

const farm = useTestFarm();

describe('@WebSocketGateway() stores metadata on its class', () => {
  @WebSocketGateway(8081, { path: '/own' })
  class WithPort {}
  @WebSocketGateway({ path: '/chat' })
  class WithPath {}
  @WebSocketGateway()
  class Plain {}

  it('with a flag, its port and its options', () => {
    const read = (gateway: object): unknown[] =>
      [GATEWAY_METADATA, PORT_METADATA, GATEWAY_OPTIONS].map(
        (key) => Reflect.getMetadata(key, gateway) as unknown,
      );
    expect(read(WithPort)).toEqual([true, 8081, { path: '/own' }]);
    expect(read(WithPath)).toEqual([true, 0, { path: '/chat' }]);
    expect(read(Plain)).toEqual([true, 0, {}]);
    expect(read(HttpAdapterHost)).toEqual([undefined, undefined, undefined]);
  });

  it('from which gatewayPath derives the path', () => {
    expect([WithPort, WithPath, Plain].map(gatewayPath)).toEqual(['8081/own', '/chat', '/']);
  });
});

describe('ApplicationConfig', () => {
  it('returns the adapter that was set', () => {
    const config = new ApplicationConfig();
    const adapter = new WsAdapter();
    expect(config.getIoAdapter()).toBeFalsy();
    config.setIoAdapter(adapter);
    expect(config.getIoAdapter()).toBe(adapter);
  });
});

/** An adapter that registers itself in its constructor, and records the calls of Nest. */
@Injectable()
class RecordingAdapter extends WsAdapter implements OnModuleInit {
  readonly calls: string[] = [];
  readonly facade = { isAFacade: true };

  constructor(
    readonly host: HttpAdapterHost,
    config: ApplicationConfig,
  ) {
    super(host);
    config.setIoAdapter(this);
  }

  onModuleInit(): void {
    this.calls.push('onModuleInit');
  }

  override create(port: number, options: object): unknown {
    const adapter = this.host.httpAdapter as AbstractHttpAdapter<Server>;
    const hasServer = adapter.getHttpServer() instanceof Object;
    this.calls.push(`create ${port} ${JSON.stringify(options)} ${hasServer}`);
    return this.facade;
  }

  override bindClientConnect(server: unknown): void {
    this.calls.push(`bindClientConnect ${server === this.facade}`);
  }

  override close(server: unknown): Promise<void> {
    this.calls.push(`close ${server === this.facade}`);
    return Promise.resolve();
  }

  override dispose(): Promise<void> {
    this.calls.push('dispose');
    return Promise.resolve();
  }
}

describe('Nest', () => {
  it('uses an adapter set in a constructor, after creating the HTTP server and before any hook', async () => {
    @WebSocketGateway({ path: '/chat' })
    class Gateway {
      @WebSocketServer() readonly server!: unknown;
    }
    const app = await farm.app({ providers: [RecordingAdapter, Gateway] });
    const { calls, facade } = app.get(RecordingAdapter);

    await app.init();
    expect(app.get(Gateway).server).toBe(facade);
    await app.close();

    expect(calls).toEqual([
      'create 0 {"path":"/chat"} true',
      'bindClientConnect true',
      'onModuleInit',
      'close true',
      'dispose',
    ]);
  });
});

describe('WsAdapter', () => {
  class HookedAdapter extends WsAdapter {
    readonly calls: unknown[][] = [];

    protected override ensureHttpServerExists(...args: unknown[]): undefined {
      this.calls.push(['ensureHttpServerExists', ...args]);
    }

    protected override addWsServerToRegistry(...args: unknown[]): void {
      this.calls.push(['addWsServerToRegistry', ...args]);
    }
  }

  it('creates a noServer ws server for port 0 if two of its methods are overridden', () => {
    const host = { isA: 'stand-in for the HTTP server' };
    const adapter = new HookedAdapter(host);

    const server = adapter.create(0, { path: '/chat', maxPayload: 7 } as never) as unknown as WsServer;

    expect(adapter.calls).toEqual([
      ['ensureHttpServerExists', 0, host],
      ['addWsServerToRegistry', server, 0, '/chat'],
    ]);
    expect(server.options).toMatchObject({ noServer: true, maxPayload: 7 });
    expect(typeof server.handleUpgrade).toBe('function');
  });

  it('then adds no listener to the HTTP server', () => {
    const httpServer = createServer();
    new HookedAdapter(httpServer).create(0, { path: '/chat' } as never);
    expect(httpServer.listenerCount('upgrade')).toBe(0);
  });
});

describe('the exception filters of a gateway', () => {
  const called: string[] = [];
  const filter = (name: string, ...types: (typeof Error)[]): ExceptionFilter => {
    @Catch(...types)
    class RecordingFilter implements ExceptionFilter {
      catch(): void {
        called.push(name);
      }
    }
    return new RecordingFilter();
  };

  @UseFilters(filter('class'))
  @WebSocketGateway({ path: '/chat' })
  class Gateway {
    @SubscribeMessage('plain')
    plain(): never {
      throw new Error('plain');
    }

    @UseFilters(filter('method'))
    @SubscribeMessage('filtered')
    filtered(): never {
      throw new Error('filtered');
    }
  }

  @WebSocketGateway({ path: '/chat' })
  class Unfiltered {
    @SubscribeMessage('bare')
    bare(): never {
      throw new Error('bare');
    }
  }

  @Injectable()
  class First {
    constructor(@Inject(ModulesContainer) modules: ModulesContainer) {
      for (const module of modules.values())
        for (const { metatype } of module.providers.values())
          if (metatype === Gateway || metatype === Unfiltered)
            Reflect.defineMetadata(
              EXCEPTION_FILTERS_METADATA,
              [filter('first'), ...((Reflect.getMetadata(EXCEPTION_FILTERS_METADATA, metatype) ?? []) as [])],
              metatype,
            );
    }
  }

  it('are read after all constructors, and method filters win, then the last class filter', async () => {
    const app = await farm.app({
      providers: [Gateway, Unfiltered, First],
    });
    app.useWebSocketAdapter(new WsAdapter(app));
    const client = await farm.client({ port: await listen(app) });
    for (const [event, name] of [
      ['plain', 'class'],
      ['filtered', 'method'],
      ['bare', 'first'],
    ] as const) {
      called.length = 0;
      client.send(event);
      await expect.poll(() => called).toEqual([name]);
    }
  });
});

describe('a handler that returns an Observable', () => {
  const returned = new Subject<unknown>();
  const failures: unknown[] = [];

  @Catch()
  class FailureRecorder implements ExceptionFilter {
    catch(error: unknown): void {
      failures.push(error);
    }
  }

  @UseFilters(FailureRecorder)
  @WebSocketGateway({ path: '/chat' })
  class Gateway {
    @SubscribeMessage('stream')
    stream(): Observable<unknown> {
      return returned;
    }
  }

  const handlers = new Deferred<MessageMappingProperties[]>();
  class HandlersAdapter extends WsAdapter {
    override bindMessageHandlers(_client: unknown, found: MessageMappingProperties[]): void {
      handlers.resolve(found);
    }
  }

  /** The members of RxJS that nest-stream.ts uses. */
  interface Piped {
    readonly source: unknown;
    readonly operator: unknown;
  }

  it('gives a new Observable per call: the returned one plus an operator that runs the filters', async () => {
    const app = await farm.app({ providers: [Gateway] });
    app.useWebSocketAdapter(new HandlersAdapter(app));
    await farm.client({ port: await listen(app) });
    const [handler] = await handlers.promise;
    const call = async () => (await handler?.callback(undefined, 'stream')) as Observable<unknown> & Piped;

    const [first, second] = [await call(), await call()];

    expect(first).not.toBe(second);
    for (const { source, operator } of [first, second] as Piped[])
      expect([source, operator]).toEqual([returned, expect.anything()]);
    const completed = new Promise<void>((complete) => first.subscribe({ complete }));
    returned.error('the stream fails');
    await completed;
    expect(failures).toEqual(['the stream fails']);
  });
});
