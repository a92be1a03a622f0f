import { type CanActivate, Injectable, Scope, type Type } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { Deferred } from '../../lib/bus/deferred.js';
import { type Running, startOurs, startPlain } from '../support/adapters.js';
import { IS_NEST_11, passedCode } from '../support/nest-release.js';
import { useTestFarm } from '../support/test-farm.js';

// What differs between Nest 11 and 12 themselves: on each release, this library's adapter behaves like `WsAdapter`.

const farm = useTestFarm();

const ADAPTERS: [name: string, start: (...providers: Type[]) => Promise<Running>][] = [
  ['WsAdapter', (...providers) => startPlain(farm, ...providers)],
  ['RedisBackplaneAdapter', (...providers) => startOurs(farm, {}, ...providers)],
];

@Injectable()
class RefusesAll implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

@Injectable({ scope: Scope.REQUEST })
class PerRequest {}

@WebSocketGateway({ path: '/chat' })
class ScopedGateway {
  constructor(private readonly perRequest: PerRequest) {}

  @SubscribeMessage('scoped')
  scoped() {
    return { event: 'scoped', data: this.perRequest instanceof PerRequest };
  }
}

@WebSocketGateway({ path: '/chat' })
class EchoGateway {
  readonly disconnected = new Deferred<unknown>();

  handleDisconnect(_client: unknown, code: unknown): void {
    this.disconnected.resolve(code);
  }

  @SubscribeMessage('echo')
  echo() {
    return { event: 'echo' };
  }
}

describe.each(ADAPTERS)('On %s', (_name, start) => {
  it(`handleDisconnect gets ${IS_NEST_11 ? 'no close code' : 'the close code'}`, async () => {
    const server = await start(EchoGateway);
    const client = await farm.client(server);
    client.socket.close(4000);
    expect(await server.app.get(EchoGateway).disconnected.promise).toBe(passedCode(4000));
  });

  it(`APP_GUARD ${IS_NEST_11 ? 'does not apply' : 'applies'} to gateways`, async () => {
    const guard = { provide: APP_GUARD, useClass: RefusesAll } as unknown as Type;
    const client = await farm.client(await start(EchoGateway, guard));
    client.send('echo');
    expect((await client.next()).event).toBe(IS_NEST_11 ? 'echo' : 'exception');
  });

  it(`a gateway gets ${IS_NEST_11 ? 'no' : 'its'} request-scoped dependencies`, async () => {
    const client = await farm.client(await start(ScopedGateway, PerRequest));
    client.send('scoped');
    expect((await client.next('scoped')).data).toBe(!IS_NEST_11);
  });
});
