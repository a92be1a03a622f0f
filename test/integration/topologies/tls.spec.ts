import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { StartupTimeoutError } from '../../../lib/startup-timeout.error.js';
import type { RedisBackplaneOptions } from '../../../lib/options/redis-backplane-options.js';
import { RedisBackplaneModule } from '../../../lib/redis-backplane.module.js';
import { describeBus } from '../../bus/bus-contract.js';
import { describeOutages } from '../../bus/outage-contract.js';
import { BusFarm } from '../../support/bus-farm.js';
import { administer, inState, watch } from '../../support/bus-watch.js';
import { ChatGateway } from '../../support/chat.gateway.js';
import { next } from '../../support/observe.js';
import type { RedisServer } from '../../support/redis-server.js';
import { SPARE, startTlsRedis, tlsPortOf } from '../../support/redis-tls.js';
import { useTestFarm } from '../../support/test-farm.js';
import { type Certificate, CertificateAuthority } from '../../support/tls-certificates.js';
import { sayTopology } from '../../support/topology.js';

const authority = new CertificateAuthority();
const tls = { ca: authority.cert };
const good = authority.issue(['localhost', '127.0.0.1']);
const misnamed = authority.issue(['redis.example']);

describeBus('through TLS, rediss://', async () => {
  const redis = await startTlsRedis(authority, good);
  await sayTopology('TLS', { port: redis.port });
  const stranger = new Redis(redis.url);
  return {
    options: { connection: `rediss://127.0.0.1:${tlsPortOf(redis)}`, redis: { tls } },
    publishForeign: (channel, bytes) => stranger.publish(channel, bytes),
    close: async () => {
      await stranger.quit();
      await redis.stop();
    },
  };
});

describeOutages('through TLS, ssl=true', async () => {
  const redis = await startTlsRedis(authority, good);
  return {
    options: { connection: `localhost:${tlsPortOf(redis)},ssl=true`, redis: { tls } },
    redis,
    adminUrl: redis.url,
    close: () => redis.stop(),
  };
});

const testFarm = useTestFarm();
const cleanups: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function runningRedis(certificate: Certificate, spare?: Certificate): Promise<RedisServer> {
  const redis = await startTlsRedis(authority, certificate, spare);
  cleanups.push(() => redis.stop());
  return redis;
}

function busFarm(options: RedisBackplaneOptions): BusFarm {
  const farm = new BusFarm(options);
  cleanups.push(() => farm.close());
  return farm;
}

/** Resolves with the errors of `errors$` after three failed attempts to connect. */
async function refusal(options: RedisBackplaneOptions): Promise<readonly { message: string }[]> {
  const server = busFarm(options).server();
  const { errors, failures } = watch(server);
  await server.start();
  await next(server.bus.status$, (status) => status.state === 'reconnecting' && status.attempt >= 3);
  expect(failures).toMatchObject([{ cause: { name: 'RedisConnectError' } }]);
  expect(errors.map(({ stage }) => stage)).toEqual(['connect']);
  return errors;
}

describe.each([
  ['rediss://', (port: number) => `rediss://127.0.0.1:${port}`],
  ['ssl=true', (port: number) => `127.0.0.1:${port},ssl=true`],
])('With %s', (_form, connectionTo) => {
  it('a certificate of an untrusted authority is refused with an error that says how to trust it', async () => {
    const redis = await runningRedis(good);
    const connection = connectionTo(tlsPortOf(redis));
    const [error] = await refusal({ connection, redis: { tls: { ca: new CertificateAuthority().cert } } });
    expect(error?.message).toContain('redis: { tls: { ca } }');
    const [unconfigured] = await refusal({ connection });
    expect(unconfigured?.message).toContain('NODE_EXTRA_CA_CERTS');
  });

  it('a certificate for another host is refused with an error that says how to set the host name', async () => {
    const redis = await runningRedis(misnamed);
    const connection = connectionTo(tlsPortOf(redis));
    const [error] = await refusal({ connection, redis: { tls } });
    expect(error?.message).toMatch(/is for other hosts.*tlsServername.*sslHost.*127\.0\.0\.1/);
  });

  it('a certificate for the configured host name is accepted', async () => {
    const redis = await runningRedis(misnamed);
    const connection = connectionTo(tlsPortOf(redis));
    const key = connection.includes('//') ? '?tlsServername=' : ',sslHost=';
    await busFarm({ connection: `${connection}${key}redis.example`, redis: { tls } }).ready();
  });
});

it('An expired certificate is refused, and the server connects once the certificate is renewed', async () => {
  const redis = await runningRedis(authority.issue(['127.0.0.1'], -0.01), good);
  const server = busFarm({ connection: `rediss://127.0.0.1:${tlsPortOf(redis)}`, redis: { tls } }).server();
  const { errors } = watch(server);
  await server.start();
  await next(server.bus.status$, (status) => status.state === 'reconnecting' && status.attempt >= 3);
  expect(errors).toMatchObject([{ message: expect.stringContaining('has expired') as string }]);
  await administer(redis.url, (client) => client.call('CONFIG', 'SET', ...SPARE));
  await server.ready();
});

it('A client certificate is sent if Redis requires one', async () => {
  const redis = await runningRedis(good);
  await administer(redis.url, (client) => client.call('CONFIG', 'SET', 'tls-auth-clients', 'yes'));
  const connection = `rediss://127.0.0.1:${tlsPortOf(redis)}`;
  const without = busFarm({ connection, redis: { tls } }).server();
  await without.start();
  await inState(without, 'reconnecting');
  await busFarm({ connection, redis: { tls: { ...tls, ...good } } }).ready();
});

it('With abortConnect the bootstrap fails with advice', async () => {
  const redis = await runningRedis(misnamed);
  const connection = `rediss://127.0.0.1:${tlsPortOf(redis)}`;
  const options = { ...testFarm.options(connection), abortConnect: true, redis: { tls } };
  const app = await testFarm.app({
    imports: [RedisBackplaneModule.forRoot(options)],
    providers: [ChatGateway],
  });
  const error: unknown = await app.init().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(StartupTimeoutError);
  expect((error as Error).message).toMatch(/the certificate of Redis is for other hosts\. Connect by a name/);
});
