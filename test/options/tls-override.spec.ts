import { describe, expect, it } from 'vitest';
import { resolveOptions } from '../../lib/options/resolve-options.js';

const ca = 'PEM';

describe('the TLS options in `redis`', () => {
  it('are merged with the TLS settings of the connection string', () => {
    const { connection } = resolveOptions({
      connection: 'rediss://redis.example:6380',
      redis: { tls: { ca } },
    });
    expect(connection.redis.tls).toEqual({ servername: 'redis.example', ca });
  });

  it('also apply to the sentinels if these use TLS', () => {
    const redis = { tls: { ca } };
    const secure = resolveOptions({ connection: 'rediss+sentinel://s/master', redis });
    expect(secure.connection.redis).toMatchObject({ tls: { ca }, sentinelTLS: { ca } });
    const mixed = resolveOptions({ connection: 'rediss+sentinel://s/master?sentinelTls=false', redis });
    expect(mixed.connection.redis).toMatchObject({ tls: { ca } });
    expect(mixed.connection.redis).not.toHaveProperty('sentinelTLS');
  });

  it('are overridden by the TLS options for the sentinels', () => {
    const { connection } = resolveOptions({
      connection: 'rediss+sentinel://s/master',
      redis: { tls: { ca }, sentinelTLS: { ca: 'other' } },
    });
    expect(connection.redis).toMatchObject({ tls: { ca }, sentinelTLS: { ca: 'other' } });
  });
});
