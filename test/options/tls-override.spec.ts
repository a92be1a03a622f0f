import { describe, expect, it } from 'vitest';
import { resolveOptions } from '../../lib/options/resolve-options.js';

const ca = 'PEM';

describe('the TLS options of `redis`', () => {
  it('add to what the connection string says of TLS', () => {
    const { connection } = resolveOptions({
      connection: 'rediss://redis.example:6380',
      redis: { tls: { ca } },
    });
    expect(connection.redis.tls).toEqual({ servername: 'redis.example', ca });
  });

  it('count for the sentinels too, where these speak TLS', () => {
    const redis = { tls: { ca } };
    const secure = resolveOptions({ connection: 'rediss+sentinel://s/master', redis });
    expect(secure.connection.redis).toMatchObject({ tls: { ca }, sentinelTLS: { ca } });
    const mixed = resolveOptions({ connection: 'rediss+sentinel://s/master?sentinelTls=false', redis });
    expect(mixed.connection.redis).toMatchObject({ tls: { ca } });
    expect(mixed.connection.redis).not.toHaveProperty('sentinelTLS');
  });

  it('yield to those that are for the sentinels alone', () => {
    const { connection } = resolveOptions({
      connection: 'rediss+sentinel://s/master',
      redis: { tls: { ca }, sentinelTLS: { ca: 'other' } },
    });
    expect(connection.redis).toMatchObject({ tls: { ca }, sentinelTLS: { ca: 'other' } });
  });
});
