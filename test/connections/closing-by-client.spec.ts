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

describe('once the client closes a connection', () => {
  it.each([
    ['a close frame', ({ client }: Stubborn) => client.write(closeFrame(4000))],
    // Its pings are answered until then: see pings.spec.ts.
    ['the end of its TCP connection', ({ client }: Stubborn) => client.socket.end()],
  ])('with %s, it is nobody, though its socket is still there', async (_name, close) => {
    const server = await start(admission);
    const stub = await stubborn(server);
    await stub.connection.join('g');
    const { socket } = stub.connection;
    // What it does not read keeps the socket open.
    stub.client.socket.pause();
    while (socket.bufferedAmount === 0) {
      await stub.connection.emit('text', 'x'.repeat(100_000));
      await turn();
    }

    close(stub);
    await eventually(() => expect(socket.readyState).toBe(socket.CLOSING));

    await expectNobody(stub);
    // ... and not for ever.
    await eventually(() => expect(stub.gateway.disconnects).toHaveLength(1));
    expect(server.backplane.counters.connections).toBe(0);
  });

  it.each([
    ['a close frame', closeFrame(4000)],
    ['the end of its TCP connection', Buffer.alloc(0)],
  ])('with %s, what it has sent before is handled to the end', async (_name, goodbye) => {
    const stub = await stubborn(await start({ parallelInvocations: 1 }));
    const waits = [0, 1, 2].map((index) => eventFrame('wait', index));
    stub.client.socket.end(Buffer.concat([...waits, eventFrame('note', 3), goodbye]));
    await eventually(() => expect(stub.gateway.disconnects).toHaveLength(1));
    expect(stub.gateway.handled).toEqual([0]);
    stub.gateway.release.resolve();
    await eventually(() => expect(stub.gateway.handled).toEqual([0, 1, 2, 3]));
  });

  it('and the server then closes it, too, what waits for a handler is dropped', async () => {
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
