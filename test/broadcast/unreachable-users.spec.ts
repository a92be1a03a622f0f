import { WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { UseAuthenticator } from '../../lib/adapter/use-authenticator.decorator.js';
import { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { userOfQuery } from '../support/acceptance.js';
import { useLog } from '../support/logged.js';
import { useTestFarm } from '../support/test-farm.js';

@WebSocketGateway({ path: '/other' })
class OtherGateway {}

const farm = useTestFarm();
const log = useLog();

const warnings = (): unknown[] =>
  log.warnings.map(([line]) => line).filter((line) => /user/.test(String(line)));

describe('in an app without authenticate', () => {
  it.each<[name: string, call: (broadcaster: Broadcaster) => Promise<unknown>]>([
    ['an emit', (broadcaster) => broadcaster.user('ann').emit('hi')],
    ['an emit to a union', (broadcaster) => broadcaster.group('a').user('ann').emit('hi')],
    ['a local emit', (broadcaster) => broadcaster.local.user('ann').emit('hi')],
    ['a join', (broadcaster) => broadcaster.user('ann').join('a')],
    ['a disconnect', (broadcaster) => broadcaster.user('ann').disconnect()],
    ['an invokeAll', (broadcaster) => broadcaster.user('ann').invokeAll('hi', 1, { timeout: 100 })],
    ['an emit through .gateway()', (broadcaster) => broadcaster.gateway('/chat').user('ann').emit('hi')],
  ])('%s for a user logs one warning, which names the option', async (_name, call) => {
    const { broadcaster } = await farm.server();
    await call(broadcaster);
    await call(broadcaster);
    await broadcaster.user('bob').emit('hi');
    expect(warnings()).toEqual([expect.stringMatching(/users of \/chat reach nobody.*`authenticate`/)]);
  });

  it('each app logs its own warning', async () => {
    for (const { broadcaster } of [await farm.server(), await farm.server()])
      await broadcaster.user('ann').emit('hi');
    expect(warnings()).toHaveLength(2);
  });

  it('a target without users causes no warning', async () => {
    const { broadcaster } = await farm.server();
    await broadcaster.emit('hi');
    await broadcaster.group('a').emit('hi');
    broadcaster.user('ann');
    expect(warnings()).toEqual([]);
  });

  it('a user on a path that this server does not serve causes no warning', async () => {
    const { broadcaster } = await farm.server();
    await broadcaster.gateway('/elsewhere').user('ann').emit('hi');
    expect(warnings()).toEqual([]);
    await broadcaster.gateway('/chat').user('ann').emit('hi');
    expect(warnings()).toHaveLength(1);
  });

  it('a server without gateways logs no warning, because its peers may authenticate', async () => {
    const context = await farm.context({ imports: [RedisBackplaneModule.forRoot(farm.options())] });
    await context.get(Broadcaster).gateway(OtherGateway).user('ann').emit('hi');
    expect(warnings()).toEqual([]);
  });
});

it('an app with authenticate logs no warning', async () => {
  const { broadcaster } = await farm.server({ ...farm.options(), authenticate: userOfQuery });
  await broadcaster.user('ann').emit('hi');
  expect(warnings()).toEqual([]);
});

it('a gateway with its own authenticator causes no warning, but one that admits everyone does', async () => {
  @UseAuthenticator(false)
  @WebSocketGateway({ path: '/open' })
  class OpenGateway {}
  @UseAuthenticator(userOfQuery)
  @WebSocketGateway({ path: '/own' })
  class OwnGateway {}
  const { broadcaster } = await farm.server(
    { ...farm.options(), authenticate: userOfQuery },
    { providers: [OpenGateway, OwnGateway] },
  );

  await broadcaster.gateway(OwnGateway).user('ann').emit('hi');
  expect(warnings()).toEqual([]);
  await broadcaster.gateway(OpenGateway).user('ann').emit('hi');
  expect(warnings()).toEqual([expect.stringMatching(/users of \/open reach nobody.*@UseAuthenticator/)]);
});
