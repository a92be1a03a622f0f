import { expect, it, vi } from 'vitest';
import type { SignalROptions } from '../../lib/options/signalr-options.js';
import { jsonHubProtocol } from '../../lib/signalr/json-hub-protocol.js';
import type { ChatServer } from '../support/chat-app.js';
import { HubGateway } from '../support/hub.gateway.js';
import { RawHubClient } from '../support/raw-hub-client.js';
import { hubConnection, LATEST } from '../support/signalr-clients.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const INTERVAL_MS = 20;
const CLIENT_TIMEOUT_MS = 400;
/** These take half as long again as the client's timeout. */
const PINGS = 30;

function start(options: SignalROptions = {}): Promise<ChatServer> {
  const signalr = { keepAliveInterval: INTERVAL_MS, ...options };
  return farm.server({ ...farm.options(), signalr }, {}, HubGateway);
}

it('an idle client stays connected for longer than its timeout, because of the pings', async () => {
  const server = await start();
  const connection = hubConnection(farm, LATEST, server.port);
  connection.serverTimeoutInMilliseconds = CLIENT_TIMEOUT_MS;
  const closed = vi.fn();
  connection.onclose(closed);
  const ping = vi.spyOn(jsonHubProtocol, 'ping');
  farm.onEnd(() => ping.mockRestore());
  await connection.start();
  const started = performance.now();
  await expect.poll(() => ping.mock.calls.length).toBeGreaterThan(PINGS);
  expect(performance.now() - started).toBeGreaterThan(CLIENT_TIMEOUT_MS);
  expect(closed).not.toHaveBeenCalled();
  expect(await connection.invoke('Echo', 'connected')).toBe('connected');
});

it.each([
  ['answers WebSocket pings stays connected', true],
  ['answers no WebSocket pings is closed', false],
])('a client that sends no messages and %s', async (_what, answers) => {
  const server = await start({ clientTimeout: CLIENT_TIMEOUT_MS });
  const client = await RawHubClient.open(farm, server.port);
  if (!answers) client.socket.pong = () => undefined;
  const started = performance.now();
  const isLongEnough = (): boolean => performance.now() - started > 2 * CLIENT_TIMEOUT_MS;
  // The server's own pings wake this up.
  await client.until(({ closeCode }) => closeCode !== undefined || (answers && isLongEnough()));
  expect(client.closeCode).toBe(answers ? undefined : 1006);
  expect(server.backplane.counters.vanished).toBe(answers ? 0 : 1);
});

it('a client that receives other messages all the time gets pings, too', async () => {
  const server = await start();
  const client = await RawHubClient.open(farm, server.port);
  const count = (of: number): number => client.frames.filter(({ type }) => type === of).length;
  let emitted = 0;
  while (count(6) < 5 && emitted < 10_000) {
    await server.broadcaster.gateway(HubGateway).emit('Said', 'again');
    emitted++;
    await client.until(() => count(1) === emitted);
  }
  expect(count(6)).toBe(5);
  // It got some messages between two pings.
  expect(emitted).toBeGreaterThan(10);
});
