import { describe, expect, it } from 'vitest';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import type { ChatServer } from '../support/chat-app.js';
import { eventually } from '../support/observe.js';
import { closeFrame, eventFrame } from '../support/raw-client.js';
import { ClosingGateway, connectStubborn, expectNobody, type Stubborn } from '../support/stubborn-client.js';
import { turn, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();

const start = (options: RedisBackplaneOptions = {}): Promise<ChatServer> =>
  farm.server({ ...farm.options(), ...options }, {}, ClosingGateway);
const stubborn = (server: ChatServer): Promise<Stubborn> => connectStubborn(farm, server);
const admission = { authenticate: () => ({ userId: 'u' }) };

describe('a connection that the client closes', () => {
  it.each([
    ['a close frame', ({ client }: Stubborn) => client.write(closeFrame(4000))],
    // Until the FIN, its pings are answered: see pings.spec.ts.
    ['a FIN', ({ client }: Stubborn) => client.socket.end()],
  ])('with %s can no longer be reached, even while its socket is still open', async (_name, close) => {
    const server = await start(admission);
    const stub = await stubborn(server);
    await stub.connection.join('g');
    const { socket } = stub.connection;
    // Unread data keeps the socket open.
    stub.client.socket.pause();
    while (socket.bufferedAmount === 0) {
      await stub.connection.emit('text', 'x'.repeat(100_000));
      await turn();
    }

    close(stub);
    await eventually(() => expect(socket.readyState).toBe(socket.CLOSING));

    await expectNobody(stub);
    // The socket does not stay open forever.
    await eventually(() => expect(stub.gateway.disconnects).toHaveLength(1));
    expect(server.backplane.counters.connections).toBe(0);
  });

  it.each([
    ['a close frame', closeFrame(4000)],
    ['a FIN', Buffer.alloc(0)],
  ])('with %s still has all its earlier messages handled', async (_name, ending) => {
    const stub = await stubborn(await start({ parallelInvocations: 1 }));
    const waits = [0, 1, 2].map((index) => eventFrame('wait', index));
    stub.client.socket.end(Buffer.concat([...waits, eventFrame('note', 3), ending]));
    await eventually(() => expect(stub.gateway.disconnects).toHaveLength(1));
    expect(stub.gateway.handled).toEqual([0]);
    stub.gateway.release.resolve();
    await eventually(() => expect(stub.gateway.handled).toEqual([0, 1, 2, 3]));
  });

  it('loses its queued messages if the server then closes it too', async () => {
    const stub = await stubborn(await start({ parallelInvocations: 1 }));
    const waits = [0, 1, 2].map((index) => eventFrame('wait', index));
    const { socket } = stub.connection;
    stub.client.write(Buffer.concat([...waits, closeFrame(4000)]));
    await eventually(() => expect(socket.readyState).not.toBe(socket.OPEN));
    stub.connection.close(4001);
    stub.gateway.release.resolve();
    await turn();
    await turn();
    expect(stub.gateway.handled).toEqual([0]);
  });
});
