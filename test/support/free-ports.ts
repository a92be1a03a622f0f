import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';

const HOST = '127.0.0.1';
/** A port is reserved by a listener on this address. Nothing connects to it, and it ends with its process. */
const RESERVATION_HOST = '127.0.0.2';
// Below the range of ports for outgoing connections. Otherwise a client that reconnects while its server is down may
// get the server's own port and connect to itself.
const FIRST_PORT = 10_000;
const LAST_PORT = 32_000;
const ATTEMPTS = 50;

/**
 * Finds ports that nothing listens on, and reserves them until this process ends. A server needs a second to start or
 * restart, and meanwhile no other caller gets its port.
 *
 * @param preferred one preferred port per result; `undefined` or a taken port gives another one
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

/** Finds a port that is free on all addresses right now, for a server that cannot listen on a single address. */
export async function portOfNobody(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function firstFree(ports: readonly number[]): Promise<number> {
  for (const port of ports) if (await reserve(port)) return port;
  throw new Error(`No free port on ${HOST} among ${ports.join(', ')}.`);
}

async function reserve(port: number): Promise<boolean> {
  const reservation = await listen(port, RESERVATION_HOST);
  if (reservation === 'EADDRINUSE') return false;
  const probe = await listen(port, HOST);
  const free = typeof probe !== 'string';
  if (free) await new Promise((resolve) => probe.close(resolve));
  // Without the second address on this system the port is free now but not reserved.
  if (typeof reservation !== 'string') {
    if (free) reservation.unref();
    else reservation.close();
  }
  return free;
}

/** Resolves with the listener or the error's code. */
async function listen(port: number, host: string): Promise<Server | string> {
  const server = createServer().listen(port, host);
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}
