import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

const HOST = '127.0.0.1';
// Below the range from which systems take the ports of outgoing connections: there, a client that reconnects while its
// server is down may get the very port of the server, and connect to itself.
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;
const ATTEMPTS = 20;

/**
 * Ports that nothing listens on, all different.
 *
 * @param preferred for each of them the port that it should be; `undefined`, or a port that is taken, gives another
 */
export async function freePorts(preferred: readonly (number | undefined)[]): Promise<number[]> {
  // All are held until all are found, so no two are the same.
  const holders: Server[] = [];
  const ports: number[] = [];
  try {
    for (const port of preferred) {
      const holder = await holdFirst([...(port === undefined ? [] : [port]), ...candidates()]);
      holders.push(holder.server);
      ports.push(holder.port);
    }
  } finally {
    await Promise.all(holders.map((holder) => new Promise((resolve) => holder.close(resolve))));
  }
  return ports;
}

function candidates(): number[] {
  return Array.from({ length: ATTEMPTS }, () => randomInt(FIRST_PORT, LAST_PORT));
}

async function holdFirst(ports: readonly number[]): Promise<{ port: number; server: Server }> {
  for (const port of ports) {
    const server = createServer().listen(port, HOST);
    const held = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (held) return { port, server };
  }
  throw new Error(`${HOST} has no free port among ${ports.join(', ')}.`);
}
