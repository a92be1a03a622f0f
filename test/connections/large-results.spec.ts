import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { expect, it } from 'vitest';
import { eventFrame, RawClient } from '../support/raw-client.js';
import { delivered, useTestFarm } from '../support/test-farm.js';

const LIMIT_BYTES = 1024 * 1024;
const RESULT = 'x'.repeat(200_000);

@WebSocketGateway({ path: '/large' })
class LargeGateway {
  handled = 0;
  encoded = 0;

  @SubscribeMessage('large')
  large() {
    this.handled++;
    return { event: 'large', data: { toJSON: () => (this.encoded++, RESULT) } };
  }

  @SubscribeMessage('silent')
  silent() {
    this.handled++;
  }
}

const farm = useTestFarm();

async function start(): Promise<{ port: number; gateway: LargeGateway; innocent: () => Promise<void> }> {
  const options = { ...farm.options(), limits: { bufferedBytes: LIMIT_BYTES, pendingMessages: 100_000 } };
  const server = await farm.server(options, { providers: [LargeGateway] });
  const client = await farm.client(server);
  return {
    port: server.port,
    gateway: server.app.get(LargeGateway),
    innocent: () => delivered(server, client),
  };
}

it.each<[name: string, id: number | undefined]>([
  ['messages', undefined],
  ['requests with an id', 1],
])(
  'a packet of %s whose results far exceed bufferedBytes costs little more than bufferedBytes',
  async (_name, id) => {
    const { port, gateway, innocent } = await start();
    const requests = Buffer.concat(Array.from({ length: 2000 }, () => eventFrame('large', undefined, id)));
    const greedy = await RawClient.ask({ port }, '/large', {}, requests);
    farm.onEnd(() => greedy.socket.destroy());
    greedy.socket.pause();
    await expect.poll(() => gateway.encoded).toBeGreaterThan(0);
    await innocent();
    // As many results as fit, plus the one that exceeds the limit.
    expect(gateway.encoded).toBeLessThan(10);
  },
);

it('a packet of 2,000 messages without results is handled completely', async () => {
  const { port, gateway } = await start();
  const requests = Buffer.concat(Array.from({ length: 2000 }, () => eventFrame('silent')));
  const client = await RawClient.ask({ port }, '/large', {}, requests);
  farm.onEnd(() => client.socket.destroy());
  await expect.poll(() => gateway.handled).toBe(2000);
});
