import { afterEach, describe, expect, it } from 'vitest';
import { hashSlot } from '../../../lib/protocol/hash-slot.js';
import type { RedisBackplaneOptions } from '../../../lib/options/redis-backplane-options.js';
import { describeBus } from '../../bus/bus-contract.js';
import { BusFarm } from '../../support/bus-farm.js';
import { BusTraffic } from '../../support/bus-traffic.js';
import { watch } from '../../support/bus-watch.js';
import { next } from '../../support/observe.js';
import { type RedisCluster, startRedisCluster } from '../../support/redis-cluster.js';
import { tlsOptions, tlsPortOf } from '../../support/redis-tls.js';
import { type Certificate, CertificateAuthority } from '../../support/tls-certificates.js';

const RECOVERY_DEADLINE_MS = 20_000;

const authority = new CertificateAuthority();
const byAddress = authority.issue(['127.0.0.1']);
const byName = authority.issue(['localhost']);

/** Starts a cluster with TLS. The nodes' plain ports are for the test's own commands. */
function startTlsCluster(certificate: Certificate, announced: readonly string[] = []): Promise<RedisCluster> {
  const { args, files } = tlsOptions(authority, certificate);
  return startRedisCluster({
    files,
    args: (port) => [...args(port), '--tls-cluster', 'yes', '--tls-replication', 'yes', ...announced],
  });
}

function optionsFor(cluster: RedisCluster, host: string): RedisBackplaneOptions {
  return {
    connection: `rediss+cluster://${cluster.nodes.map((node) => `${host}:${tlsPortOf(node)}`).join(',')}`,
    redis: { tls: { ca: authority.cert } },
  };
}

describeBus('through TLS to a Redis Cluster', async () => {
  const cluster = await startTlsCluster(byAddress);
  return {
    options: optionsFor(cluster, '127.0.0.1'),
    publishForeign: async (channel, bytes) => {
      const home = await cluster.primaryOf(hashSlot(channel.split(':')[0] ?? ''));
      return home.admin.publish(channel, bytes);
    },
    close: () => cluster.stop(),
  };
});

describe('TLS to a cluster', () => {
  let cluster: RedisCluster;
  let farm: BusFarm;

  afterEach(async () => {
    await farm.close();
    await cluster.stop();
  });

  describe.each([
    ['whose nodes announce addresses', byAddress, '127.0.0.1', []],
    [
      'whose nodes announce host names, with a certificate for host names only',
      byName,
      'localhost',
      ['--cluster-announce-hostname', 'localhost'],
    ],
  ])('%s', (_which, certificate, host, announced) => {
    it.each([
      ['classic', false],
      ['sharded', true],
    ])('follows to the replica of a killed primary, with %s pub/sub', async (_form, sharded) => {
      cluster = await startTlsCluster(certificate, announced);
      farm = new BusFarm({ ...optionsFor(cluster, host), sharded });
      const servers = [await farm.ready(), await farm.ready()];
      const told = servers.map(watch);
      const traffic = new BusTraffic(servers, [`${farm.prefix}:traffic`]);
      await traffic.start();
      await traffic.more(100);
      const restored = servers.map(({ bus }) =>
        next(bus.connectionRestored$, undefined, RECOVERY_DEADLINE_MS),
      );
      await cluster.kill(await cluster.primaryOf(hashSlot(farm.prefix)));
      await Promise.all(restored);
      await traffic.more(100);
      await traffic.stop();
      for (const verdict of traffic.verdicts('all channels'))
        expect(verdict).toMatchObject({ uncovered: [], duplicates: [], inversions: [] });
      // An unreachable node is reported as a failure. A wrong certificate would be an error of the stage `connect`.
      const stages = told.flatMap(({ errors }) => errors.map(({ stage }) => stage));
      expect(stages).not.toContain('connect');
    });
  });

  it('refuses a certificate for other hosts than the nodes announce, and reports it once', async () => {
    cluster = await startTlsCluster(byName);
    farm = new BusFarm(optionsFor(cluster, '127.0.0.1'));
    const server = farm.server();
    const { errors } = watch(server);
    await server.start();
    await next(server.bus.status$, (status) => status.state === 'reconnecting' && status.attempt >= 3);
    const message = expect.stringContaining('is for other hosts') as string;
    expect(errors).toMatchObject([{ stage: 'connect', message }]);
  });
});
