import { describe, expect, it } from 'vitest';
import { MemoryTransport } from '../../lib/bus/memory-transport.js';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { delivered, turn, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();

function fail(): never {
  throw new Error('the callback fails');
}

/** rxjs tells what nobody catches in a timer. */
const told = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/** Bytes that are no envelope, on a channel that every server hears. */
async function publishNonsense({ connection, channelPrefix }: RedisBackplaneOptions): Promise<void> {
  const transport = new MemoryTransport((connection ?? '').replace('memory:', ''));
  farm.onEnd(() => transport.close());
  let up = 0;
  await new Promise<void>((resolve) => {
    void transport.open({
      up: () => ++up === 2 && resolve(),
      down: () => undefined,
      retrying: () => undefined,
      moved: () => undefined,
      problem: () => undefined,
      message: () => undefined,
    });
  });
  await transport.publish(`${channelPrefix ?? ''}:servers`, Buffer.from('nonsense'));
}

describe('a callback passed to an observable of RedisBackplane that throws', () => {
  it('ends no server and keeps nothing from the others: errors$', async () => {
    const options = farm.options();
    const server = await farm.server(options);
    const client = await farm.client(server);
    const escaped = farm.escapes();
    const stages: string[] = [];
    server.backplane.errors$.subscribe(fail);
    server.backplane.errors$.subscribe(({ stage }) => stages.push(stage));

    await publishNonsense(options);

    await told();
    await turn();
    expect(escaped).toEqual([]);
    expect(stages).toEqual(['decode']);
    await delivered(server, client);
  });

  it('ends no server and keeps nothing from the others: status$', async () => {
    const server = await farm.server();
    const client = await farm.client(server);
    const escaped = farm.escapes();
    const states: string[] = [];

    server.backplane.status$.subscribe(fail);
    server.backplane.status$.subscribe(({ state }) => states.push(state));

    await delivered(server, client);
    await server.app.close();
    await told();
    expect(escaped).toEqual([]);
    expect(states).toEqual(['ready', 'closed']);
  });
});
