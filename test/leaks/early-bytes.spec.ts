import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { Deferred } from '../../lib/bus/deferred.js';
import type { Admission } from '../../lib/options/authenticate.js';
import { NotingGateway } from '../support/noting.gateway.js';
import { eventually } from '../support/observe.js';
import { eventFrame, RawClient } from '../support/raw-client.js';
import { idOf, useTestFarm } from '../support/test-farm.js';

const LIMIT_BYTES = 64 * 1024;
/** What Node reads ahead from a paused socket, plus the chunk that crossed the limit. */
const AHEAD_BYTES = 128 * 1024;
const SENT_BYTES = 16 * 1024 * 1024;
const ROUND_TRIPS = 50;

const farm = useTestFarm();

describe('A client that sends before it is admitted', () => {
  it('is read only up to 64 KiB, however much it sends, until it is admitted', async () => {
    const waiting: IncomingMessage[] = [];
    const admission = new Deferred<Admission>();
    const authenticate = (request: IncomingMessage) => {
      if (!request.url?.includes('wait')) return {};
      waiting.push(request);
      return admission.promise;
    };
    const server = await farm.server({ ...farm.options(), authenticate });
    const other = await farm.client(server);
    const client = await RawClient.ask(server, '/chat?wait');
    farm.onEnd(() => client.socket.destroy());
    await eventually(() => expect(waiting).toHaveLength(1));

    for (let bytes = 0; bytes < SENT_BYTES; bytes += LIMIT_BYTES)
      client.write(eventFrame('note', 'x'.repeat(LIMIT_BYTES)));

    const read = (): number => waiting[0]?.socket.bytesRead ?? 0;
    await eventually(() => expect(read()).toBeGreaterThan(LIMIT_BYTES));
    // Long enough for a server without the limit to read everything.
    for (let trip = 0; trip < ROUND_TRIPS; trip++) await idOf(other);
    expect(read()).toBeLessThan(LIMIT_BYTES + AHEAD_BYTES);
    admission.resolve({});
    await eventually(() => expect(read()).toBeGreaterThanOrEqual(SENT_BYTES));
  });

  it('is not handled if it is refused', async () => {
    const admission = new Deferred<Admission | null>();
    const server = await farm.server(
      { ...farm.options(), authenticate: () => admission.promise },
      {},
      NotingGateway,
    );
    const client = await RawClient.ask(server, '/chat');
    farm.onEnd(() => client.socket.destroy());
    client.write(eventFrame('note', 1));
    admission.resolve(null);
    await client.closed;
    expect(client.received).toContain('401');
    expect(server.app.get(NotingGateway).notes).toEqual([]);
    expect(server.backplane.counters.connections).toBe(0);
  });
});
