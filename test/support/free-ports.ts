import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';

const HOST = '127.0.0.1';
/** Where a port is reserved: by a listener that nobody connects to, and that goes with its process. */
const RESERVATION_HOST = '127.0.0.2';
// Below the range from which systems take the ports of outgoing connections: there, a client that reconnects while its
// server is down may get the very port of the server, and connect to itself.
const FIRST_PORT = 10_000;
const LAST_PORT = 32_000;
const ATTEMPTS = 50;

/**
 * Ports that nothing listens on. They stay reserved as long as this process lives: a server needs a second to start, or
 * to start again, and meanwhile nobody else who asks here gets its port.
 *
 * @param preferred for each of them the port that it should be; `undefined`, or a port that is taken, gives another
 */
export async function freePorts(preferred: readonly (number | undefined)[]): Promise<number[]> {
  const ports: number[] = [];
  for (const port of preferred) {
    const candidates = Array.from({ length: ATTEMPTS }, () => randomInt(FIRST_PORT, LAST_PORT));
    if (port !== undefined) candidates.unshift(port);
    ports.push(await firstFree(candidates.filter((candidate) => !ports.includes(candidate))));
  }
  return ports;
}

/** A port that is free on all addresses at this moment, for a server that cannot listen on one address only. */
export async function portOfNobody(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function firstFree(ports: readonly number[]): Promise<number> {
  for (const port of ports) if (await reserve(port)) return port;
  throw new Error(`${HOST} has no free port among ${ports.join(', ')}.`);
}

async function reserve(port: number): Promise<boolean> {
  const reservation = await listen(port, RESERVATION_HOST);
  if (reservation === 'EADDRINUSE') return false;
  const probe = await listen(port, HOST);
  const free = typeof probe !== 'string';
  if (free) await new Promise((resolve) => probe.close(resolve));
  // Not every system has the second address; there a port is only free at this moment.
  if (typeof reservation !== 'string') {
    if (free) reservation.unref();
    else reservation.close();
  }
  return free;
}

/** The listener, or the code of the error. */
async function listen(port: number, host: string): Promise<Server | string> {
  const server = createServer().listen(port, host);
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}
