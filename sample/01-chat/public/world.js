// What this page knows of the farm.

/** A status in which a server sends to the others and hears them. */
const CONNECTED = new Set(['ready', 'degraded']);

export const world = {
  /** Whether this page is connected to its server. */
  online: false,
  /** This page's connection, and the server that holds it. */
  me: { id: '', server: '' },
  /** What carries messages between the servers. */
  carrier: 'Redis',
  /** The servers, with a `url` where the page may link to them. */
  servers: [],
  /** The status of each server, by name. A server that has not been asked yet is taken to be as it should be. */
  states: {},
};

export function isConnected(server) {
  return CONNECTED.has(world.states[server] ?? 'ready');
}

/** @returns the names of the servers to which a message of this page gets */
export function reached() {
  const { server } = world.me;
  const names = world.servers.map(({ name }) => name);
  return isConnected(server) ? names.filter(isConnected) : [server];
}

/** @returns the names of the servers to which it does not */
export function missed() {
  const there = reached();
  return world.servers.map(({ name }) => name).filter((name) => !there.includes(name));
}
