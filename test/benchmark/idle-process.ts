import { BusFarm, type BusServer } from '../support/bus-farm.js';
import { serve } from './rpc.js';

const LOOK_MS = 100;

let farm: BusFarm;
const servers: BusServer[] = [];

// Many servers of a farm in one process: its clients would be elsewhere, and nobody emits.
const handlers = {
  async start({ connection, count }: { connection: string; count: number }): Promise<void> {
    farm = new BusFarm({ connection }, 'idle');
    while (servers.length < count) servers.push(await farm.ready());
  },

  /** Resolves when each server hears so many others. */
  async meet(others: number): Promise<void> {
    while (servers.some(({ bus }) => bus.peers.alive.size < others))
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  },

  cpuMicroseconds(): number {
    const { user, system } = process.cpuUsage();
    return user + system;
  },

  close: () => farm.close(),
};

export type IdleHandlers = typeof handlers;
serve(handlers);
