import { beforeEach, describe, expect, it } from 'vitest';
import { ConnectionNotFoundError, ServerLostError } from '../../lib/routing/request.errors.js';
import type { Target } from '../../lib/broadcast/target.js';
import { openClient, startAcceptanceProcess, whoIs } from '../support/acceptance-process.js';
import { rejection, useRedis } from '../support/acceptance.js';
import type { CodecClient } from '../support/codec-client.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const redis = useRedis();

/** A server counts as dead after 4 s of silence. The rest is a margin for a busy machine. */
const NOTICED_WITHIN_MS = 8000;
/** Long enough that no timeout of the caller expires first. */
const PATIENCE_MS = 60_000;

let path: Target;
let one: (id: string) => Target;
let client: CodecClient;
/** The connection on the server that is killed, its server id and its process id. */
let doomed: { id: string; serverId: string; pid: number };

beforeEach(async () => {
  const options = { ...farm.options(redis.url), commandTimeout: PATIENCE_MS };
  const near = await farm.server(options);
  const far = await startAcceptanceProcess(farm, redis.url, options.channelPrefix ?? '');
  client = await openClient(farm, far, 'json');
  const { id, pid } = await whoIs(client);
  doomed = { id, pid, serverId: id.split('.')[0] ?? '' };
  const broadcaster = near.broadcaster.gateway('/farm');
  path = broadcaster;
  one = (connection) => broadcaster.connection(connection);
});

describe('A killed server', () => {
  it('[T10] is named in the errors of pending requests, within the heartbeat timeout', async () => {
    const timeout = PATIENCE_MS;
    const invoked = rejection(one(doomed.id).invoke('ask', undefined, { timeout }), ServerLostError);
    const all = path.invokeAll('ask all', undefined, { timeout });
    await Promise.all([client.event('ask'), client.event('ask all')]);
    // Stop the process first, so that it dies without handling the command.
    process.kill(doomed.pid, 'SIGSTOP');
    const commanded = rejection(one(doomed.id).join('group'), ServerLostError);
    const allUnheard = path.invokeAll('ask again', undefined, { timeout });

    const killedAt = performance.now();
    process.kill(doomed.pid, 'SIGKILL');

    for (const error of await Promise.all([invoked, commanded])) {
      expect(error.serverId).toBe(doomed.serverId);
      expect(error.message).toContain(doomed.serverId);
    }
    expect(await all).toEqual({
      responses: [],
      missing: { servers: [doomed.serverId], connections: [doomed.id] },
    });
    expect(await allUnheard).toEqual({
      responses: [],
      missing: { servers: [doomed.serverId], connections: [] },
    });
    expect(performance.now() - killedAt).toBeLessThan(NOTICED_WITHIN_MS);
  });

  it('[T10] makes later requests fail fast because its connections no longer exist', async () => {
    const waiting = rejection(one(doomed.id).invoke('ask'), ServerLostError);
    await client.event('ask');
    process.kill(doomed.pid, 'SIGKILL');
    await waiting;

    const startedAt = performance.now();
    await rejection(one(doomed.id).invoke('ask'), ConnectionNotFoundError);
    await rejection(one(doomed.id).join('group'), ConnectionNotFoundError);
    await path.join('group');
    expect(await path.invokeAll('ask all')).toEqual({
      responses: [],
      missing: { servers: [], connections: [] },
    });
    expect(performance.now() - startedAt).toBeLessThan(NOTICED_WITHIN_MS);
  });
});
