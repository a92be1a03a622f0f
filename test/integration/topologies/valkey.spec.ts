import { Redis } from 'ioredis';
import { it } from 'vitest';
import { describeBus } from '../../bus/bus-contract.js';
import { describeOutages } from '../../bus/outage-contract.js';
import type { Binary } from '../../support/debian-package.js';
import { startRedis } from '../../support/redis-server.js';
import { sayTopology } from '../../support/topology.js';
import { findValkeyBinary } from '../../support/valkey-binary.js';

const found = await findValkeyBinary();

if ('absent' in found) {
  it('Valkey is not installed, so it was not tested', () => {
    console.log(`topology: no Valkey. Install valkey-server or set VALKEY_SERVER_BIN. ${found.absent}`);
  });
} else {
  describeValkey(found);
}

function describeValkey(binary: Binary): void {
  describeBus('through Valkey', async () => {
    const valkey = await startRedis({ binary });
    await sayTopology('Valkey', { port: valkey.port });
    const stranger = new Redis(valkey.url);
    return {
      options: { connection: valkey.url.replace('redis:', 'valkey:') },
      publishForeign: (channel, bytes) => stranger.publish(channel, bytes),
      close: async () => {
        await stranger.quit();
        await valkey.stop();
      },
    };
  });

  describeOutages('through Valkey', async () => {
    const valkey = await startRedis({ binary });
    return {
      options: { connection: `${valkey.host}:${valkey.port}` },
      redis: valkey,
      adminUrl: valkey.url,
      close: () => valkey.stop(),
    };
  });
}
