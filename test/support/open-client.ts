import { WebSocket } from 'ws';
import { type Client, connect, type ConnectOptions, type Status } from '../../lib/client/index.js';
import type { TestFarm } from './test-farm.js';

/** A client, and what it has reported. */
export interface WatchedClient extends Client {
  readonly errors: unknown[];
  readonly states: Status['state'][];
  /** Resolves with the first status of this kind from now on, or the current one. */
  until(state: Status['state']): Promise<Status>;
}

/** Retries without a noticeable delay. */
export const FAST = { delay: 1, maxDelay: 5 };

/** Connects the package's client through `ws`, as on Node 20. It ends with the test. */
export function openClient(farm: TestFarm, url: string, options: ConnectOptions = {}): WatchedClient {
  const errors: unknown[] = [];
  const client = connect(url, {
    WebSocket,
    reconnect: FAST,
    onError: (error) => errors.push(error),
    ...options,
  });
  farm.onEnd(() => client.close());
  const states: Status['state'][] = [];
  client.onStatus(({ state }) => states.push(state));
  const until = (state: Status['state']): Promise<Status> => {
    if (client.status.state === state) return Promise.resolve(client.status);
    return new Promise((resolve) => {
      const off = client.onStatus((status) => {
        if (status.state !== state) return;
        off();
        resolve(status);
      });
    });
  };
  // `status` is a getter of the client.
  return Object.assign(Object.create(client) as Client, { errors, states, until });
}
