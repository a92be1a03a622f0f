import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { ChatServer } from '../../support/chat-app.js';
import { HubGateway } from '../../support/hub.gateway.js';
import { type AcquiredRedis, acquireRedis } from '../../support/redis-server.js';
import { GENERATIONS, type Generation, hubConnection, LATEST } from '../../support/signalr-clients.js';
import { useTestFarm } from '../../support/test-farm.js';

const farm = useTestFarm();
let redis: AcquiredRedis;
beforeAll(async () => void (redis = await acquireRedis()));
afterAll(() => redis.stop());

/** Enough for the clients that respond. The others take all of it. */
const TIMEOUT_MS = 1500;

function hubServer(): Promise<ChatServer> {
  return farm.server(
    { ...farm.options(redis.url), protocols: ['json', 'msgpack'], signalr: true },
    {},
    HubGateway,
  );
}

function generation(version: string): Generation {
  const found = GENERATIONS.find((each) => each.version === version);
  if (!found) throw new Error(`There is no client of version ${version}.`);
  return found;
}

it('invokeAll gets the responses of clients that have client results, and counts older clients as missing', async () => {
  const [near, far] = [await hubServer(), await hubServer()];
  await expect.poll(() => near.backplane.delivery().servers).toBe(1);
  const answer = (question: string): string => `${question}? Yes.`;
  const reconnectDelays = [0, 0];

  const newest = hubConnection(farm, LATEST, near.port, { isBinary: true });
  newest.on('Question', answer);
  const six = hubConnection(farm, generation('6.0'), far.port, { reconnectDelays });
  six.on('Question', answer);
  const closed = new Promise<Error | undefined>((resolve) => six.onclose(resolve));
  const reconnecting = vi.fn();
  six.onreconnecting?.(reconnecting);
  // Without a handler for the event, it ignores the request.
  const five = hubConnection(farm, generation('5.0'), near.port, { reconnectDelays });
  const disturbed = vi.fn();
  five.onclose(disturbed);
  five.onreconnecting?.(disturbed);
  for (const connection of [newest, six, five]) await connection.start();
  const ids = await Promise.all(
    [newest, six, five].map(async (connection) => (await connection.invoke<{ id: string }>('Id')).id),
  );
  const plain = await farm.client(far, '/hub');
  plain.send('Id', undefined, 1);
  const { id: plainId } = (await plain.next()).data as { id: string };

  const result = near.broadcaster.gateway(HubGateway).invokeAll('Question', 'Ready', { timeout: TIMEOUT_MS });
  const { id: requestId } = await plain.next('Question');
  plain.sendRaw(JSON.stringify({ id: requestId, data: 'plainly' }));

  const { responses, missing } = await result;
  const [newestId, sixId, fiveId] = ids;
  expect(new Map(responses.map(({ connectionId, ...response }) => [connectionId, response]))).toEqual(
    new Map([
      [newestId, { status: 'fulfilled', value: 'Ready? Yes.' }],
      [plainId, { status: 'fulfilled', value: 'plainly' }],
    ]),
  );
  expect(missing.servers).toEqual([]);
  expect(missing.connections.toSorted()).toEqual([sixId, fiveId].toSorted());

  expect(String(await closed)).toContain('Server requested a response, which is not supported');
  expect(reconnecting).not.toHaveBeenCalled();
  expect(await five.invoke('Echo', 'still here')).toBe('still here');
  expect(disturbed).not.toHaveBeenCalled();
});
