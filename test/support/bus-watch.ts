import { Redis } from 'ioredis';
import type { BusServer } from './bus-farm.js';
import { collect, next } from './observe.js';

export async function inState({ bus }: BusServer, state: string): Promise<void> {
  await next(bus.status$, (status) => status.state === state);
}

/** Sends administrators' commands on a connection of its own. */
export async function administer<T>(url: string, command: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url);
  try {
    return await command(client);
  } finally {
    client.disconnect();
  }
}

/** What a bus tells from now on about itself and Redis. */
export function watch({ bus }: BusServer) {
  const { values } = collect(bus.status$);
  return {
    failures: collect(bus.connectionFailed$).values,
    restorations: collect(bus.connectionRestored$).values,
    errors: collect(bus.errors$).values,
    /** The states, each once where it was told several times in a row. */
    states: () => values.map(({ state }) => state).filter((state, index, all) => state !== all[index - 1]),
  };
}
