import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { OwnRedisClients } from '../../../lib/redis/redis-clients.js';
import { BusFarm } from '../../support/bus-farm.js';
import { watch } from '../../support/bus-watch.js';
import { next } from '../../support/observe.js';
import type { RedisServer } from '../../support/redis-server.js';
import { startTlsRedis, tlsPortOf } from '../../support/redis-tls.js';
import { CertificateAuthority } from '../../support/tls-certificates.js';

// A TLS socket may emit a second error that ioredis does not handle. It must not crash the process.

const authority = new CertificateAuthority();
const tls = { ca: authority.cert };
let redis: RedisServer;
const uncaught: Error[] = [];
const keep = (error: Error): unknown => uncaught.push(error);

beforeEach(async () => {
  // A valid certificate for another host, which causes the first of two errors.
  redis = await startTlsRedis(authority, authority.issue(['redis.example']));
  process.on('uncaughtException', keep);
});

afterEach(async () => {
  await redis.stop();
  process.off('uncaughtException', keep);
  expect(uncaught.splice(0)).toEqual([]);
});

it('A client that is closed during the handshake with a wrong certificate emits no uncaught error', async () => {
  const clients = new OwnRedisClients({ host: redis.host, port: tlsPortOf(redis), tls }, 'test');
  const client = await clients.create('publisher');
  client.connect().catch(() => undefined);
  await new Promise((resolve) => process.nextTick(resolve));
  const socketClosed = new Promise((resolve) => client.stream.once('close', resolve));
  await clients.close(client);
  await socketClosed;
  expect(client.status).toBe('end');
});

it('An unreadable TLS record followed by a reset causes one failure and one restoration', async () => {
  const proxy = await startProxy(tlsPortOf(redis));
  const connection = `rediss://127.0.0.1:${proxy.port}?tlsServername=redis.example`;
  const farm = new BusFarm({ connection, redis: { tls } });
  const server = farm.server();
  await server.start();
  await server.ready();
  const { failures, restorations } = watch(server);
  const failed = next(server.bus.status$, ({ state }) => state === 'reconnecting');
  proxy.garble();
  await failed;
  await server.ready();
  expect(failures).toMatchObject([{ cause: { code: 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC' } }]);
  expect(restorations).toHaveLength(1);
  await farm.close();
  await proxy.close();
});

interface Proxy {
  readonly port: number;
  /** Sends each client a record that it cannot decrypt, and resets the connection after the client has read it. */
  garble(): void;
  close(): Promise<unknown>;
}

async function startProxy(target: number): Promise<Proxy> {
  const clients = new Set<Socket>();
  const server: Server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    clients.add(client);
    client.once('close', () => clients.delete(client));
    for (const socket of [client, upstream]) socket.on('error', () => undefined);
    client.pipe(upstream).pipe(client);
    client.once('close', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    garble: () => {
      for (const client of clients) {
        client.write(Buffer.from([0x17, 3, 3, 0, 0x20, ...new Uint8Array(32)]));
        // The client replies with an alert and keeps the socket open.
        client.once('data', () => client.resetAndDestroy());
      }
    },
    close: () => {
      for (const client of clients) client.destroy();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
