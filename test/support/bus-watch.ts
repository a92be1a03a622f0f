import { Redis } from 'ioredis';
import type { BusServer } from './bus-farm.js';
import { collect, next } from './observe.js';

export async function inState({ bus }: BusServer, state: string): Promise<void> {
  await next(bus.status$, (status) => status.state === state);
}

/** Runs administrative commands on a separate connection. */
export async function administer<T>(url: string, command: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url);
  try {
    return await command(client);
  } finally {
    client.disconnect();
  }
}

/** Records what a bus reports from now on. */
export function watch({ bus }: BusServer) {
  const { values } = collect(bus.status$);
  return {
    failures: collect(bus.connectionFailed$).values,
    restorations: collect(bus.connectionRestored$).values,
    errors: collect(bus.errors$).values,
    /** The states, without repetitions in a row. */
    states: () => values.map(({ state }) => state).filter((state, index, all) => state !== all[index - 1]),
  };
}
