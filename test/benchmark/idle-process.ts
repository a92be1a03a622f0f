import { BusFarm, type BusServer } from '../support/bus-farm.js';
import { serve } from './rpc.js';

const POLL_MS = 100;

let farm: BusFarm;
const servers: BusServer[] = [];

// Runs many servers of a farm in one process. They have no clients and emit nothing.
const handlers = {
  async start({ connection, count }: { connection: string; count: number }): Promise<void> {
    farm = new BusFarm({ connection }, 'idle');
    while (servers.length < count) servers.push(await farm.ready());
  },

  /** Resolves once each server hears `others` peers. */
  async meet(others: number): Promise<void> {
    while (servers.some(({ bus }) => bus.peers.alive.size < others))
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  },

  cpuMicroseconds(): number {
    const { user, system } = process.cpuUsage();
    return user + system;
  },

  close: () => farm.close(),
};

export type IdleHandlers = typeof handlers;
serve(handlers);
