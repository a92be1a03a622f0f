import { WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { turn, useTestFarm } from '../support/test-farm.js';

/** The hook that the gateways run. */
let hook: (client: BackplaneConnection) => unknown;

@WebSocketGateway({ path: '/chat' })
class ConnectGateway {
  handleConnection(client: BackplaneConnection): unknown {
    return hook(client);
  }
}

@WebSocketGateway({ path: '/chat' })
class DisconnectGateway {
  handleDisconnect(client: BackplaneConnection): unknown {
    return hook(client);
  }
}

const farm = useTestFarm();
const failures: [name: string, fail: () => unknown][] = [
  [
    'throws',
    () => {
      throw new Error('the hook fails');
    },
  ],
  ['rejects', () => Promise.reject(new Error('the hook fails'))],
];

describe('handleConnection', () => {
  it('gets a connection that can emit and join at once, and that localConnections contains', async () => {
    hook = async (client) => {
      await client.join('welcome');
      await client.emit('hello', client.id);
    };
    const server = await farm.server(farm.options(), {}, ConnectGateway);
    const client = await farm.client(server);
    const { data } = await client.next('hello');
    expect([...server.broadcaster.localConnections].map(({ id, groups }) => [id, [...groups]])).toEqual([
      [data, ['welcome']],
    ]);
  });

  it.each(failures)(
    'that %s closes its client with 1011, and does not crash the server',
    async (_name, fail) => {
      hook = fail;
      const server = await farm.server(farm.options(), {}, ConnectGateway);
      const escaped = farm.escapes();

      const client = await farm.client(server);
      // An error that escapes may leave the socket open, so the test does not wait only for the close.
      await Promise.race([client.closed, new Promise((resolve) => setTimeout(resolve, 0)).then(turn)]);
      expect(escaped).toEqual([]);
      expect(await client.closed).toMatchObject({ code: 1011 });
      hook = () => undefined;
      await farm.client(server);
    },
  );
});

describe('handleDisconnect', () => {
  it.each(failures)('that %s does not crash the server', async (_name, fail) => {
    const called = new Promise<void>((resolve) => {
      hook = () => {
        resolve();
        return fail();
      };
    });
    const server = await farm.server(farm.options(), {}, DisconnectGateway);
    const client = await farm.client(server);
    const escaped = farm.escapes();

    await client.close();
    await called;

    // RxJS rethrows unhandled errors in a timer.
    await new Promise((resolve) => setTimeout(resolve));
    await turn();
    expect(escaped).toEqual([]);
  });
});
