import { describe, expect, it } from 'vitest';
import { parseConnectionString as parse } from '../../lib/options/connection-string.js';
import { failure } from '../support/connection-strings.js';

describe('memory', () => {
  it('may have a name after the colon', () => {
    const empty = { nodes: [], redis: {}, backplane: {}, warnings: [] };
    expect(parse('memory:')).toEqual({ mode: 'memory', ...empty });
    expect(parse(' Memory:farm-1 ')).toEqual({ mode: 'memory', memoryName: 'farm-1', ...empty });
  });

  it('rejects a name that looks like something else', () => {
    expect(failure('memory://x').message).toContain('memory:');
    expect(failure('memory:6379,ssl=true').message).toContain('memory:');
  });
});

describe('redis URL', () => {
  it('contains host, port, percent-encoded credentials and database', () => {
    const plan = parse('redis://us%40er:p%3Ass@h.example:6380/3?channelPrefix=x');
    expect(plan).toEqual({
      mode: 'standalone',
      nodes: [{ host: 'h.example', port: 6380 }],
      redis: { host: 'h.example', port: 6380, username: 'us@er', password: 'p:ss', db: 3 },
      backplane: { channelPrefix: 'x' },
      warnings: [],
    });
  });

  it.each(['redis://h', 'REDIS://h', 'valkey://h', 'Valkey://h/', 'redis://h:6379'])(
    '%s is one node on port 6379 without TLS',
    (url) => {
      expect(parse(url).redis).toEqual({ host: 'h', port: 6379 });
    },
  );

  it.each(['rediss://h', 'REDISS://h', 'valkeys://h', 'redis://h?tls=true', 'rediss://h?tls=yes'])(
    '%s means TLS, with the host as the server name (SNI)',
    (url) => {
      expect(parse(url).redis).toEqual({ host: 'h', port: 6379, tls: { servername: 'h' } });
    },
  );

  it('sends no server name for an IP address, unless one is set', () => {
    expect(parse('rediss://10.0.0.1').redis.tls).toEqual({});
    expect(parse('rediss://10.0.0.1?tlsServername=r.example').redis.tls).toEqual({ servername: 'r.example' });
  });

  it('accepts IPv6 hosts in brackets, with and without port and zone', () => {
    expect(parse('redis://[::1]:6380').nodes).toEqual([{ host: '::1', port: 6380 }]);
    expect(parse('redis://:pw@[fe80::1%25eth0]').nodes).toEqual([{ host: 'fe80::1%eth0', port: 6379 }]);
  });

  it('accepts a password without user, a user without password, and an unescaped @ in a password', () => {
    expect(parse('redis://:pw@h').redis).toEqual({ host: 'h', port: 6379, password: 'pw' });
    expect(parse('redis://me@h').redis).toEqual({ host: 'h', port: 6379, username: 'me' });
    expect(parse('redis://:p@w@h').redis).toEqual({ host: 'h', port: 6379, password: 'p@w' });
  });

  it('warns that a database does not separate apps', () => {
    expect(parse('redis://h/2').warnings).toEqual([expect.stringContaining('channelPrefix')]);
    expect(parse('redis://h/0').warnings).toEqual([]);
  });

  it('accepts every known parameter, in any letter case', () => {
    const query = [
      'family=6&connectTimeout=7000&keepAlive=15000&DB=1&name=app&protocol=resp2&noDelay=false',
      'username=u&password=p+w%2B&disableClientInfo=1&enableReadyCheck=off&channelPrefix=c&abortConnect=true',
      'publishTimeout=900',
    ].join('&');
    expect(parse(`redis://h?${query}`)).toMatchObject({
      redis: {
        family: 6,
        connectTimeout: 7000,
        keepAlive: 15000,
        db: 1,
        connectionName: 'app',
        protocol: 2,
        noDelay: false,
        username: 'u',
        password: 'p+w+',
        disableClientInfo: true,
        enableReadyCheck: false,
      },
      backplane: { channelPrefix: 'c', abortConnect: true, publishTimeoutMs: 900 },
    });
    expect(parse('redis://h?connectionName=app').redis.connectionName).toBe('app');
  });

  it('warns about parameters that need sentinels or TLS', () => {
    const { warnings, redis } = parse(
      'redis://h?sentinelPassword=s&sentinelUsername=u&sentinelTls=false&tlsServername=x',
    );
    expect(redis).toEqual({ host: 'h', port: 6379 });
    expect(warnings).toEqual([
      '"sentinelPassword" has no effect without sentinels.',
      '"sentinelUsername" has no effect without sentinels.',
      '"sentinelTls" has no effect without sentinels.',
      '"tlsServername" has no effect without TLS.',
    ]);
  });

  it.each([
    ['redis://h?connecttimeot=1', 'connecttimeot'],
    ['redis://h?family=5', 'family'],
    ['redis://h?connectTimeout=soon', 'connectTimeout'],
    ['redis://h?connectTimeout=0', 'connectTimeout'],
    ['redis://h?connectTimeout=2147483648', 'connectTimeout'],
    ['redis://h?protocol=4', 'protocol'],
    ['redis://h?abortConnect=maybe', 'abortConnect'],
    ['redis://h?tls', 'tls'],
    ['rediss://h?tls=false', 'tls'],
    ['redis://h/1?db=1', 'db'],
    ['redis://:a@h?password=b', 'password'],
    ['redis://h/zero', 'db'],
    ['redis://h/-1', 'db'],
  ])('%s is rejected, and the error names %s', (url, key) => {
    const error = failure(url);
    expect(error.key).toBe(key);
    expect(error.message).toContain(`"${key}"`);
  });

  it.each([
    ['', 'empty'],
    ['  ', 'empty'],
    ['http://h', 'redis+sentinel://'],
    ['redis+proxy://h', 'rediss://'],
    ['redis://', 'host'],
    ['redis://:6379', 'host'],
    ['redis://h:', 'port'],
    ['redis://h:0', 'port'],
    ['redis://h:65536', 'port'],
    ['redis://[h]', 'IPv6'],
    ['redis://[::1]x', 'host'],
    ['redis://h1,h2', 'redis+cluster://'],
    ['redis://h/1/2', 'database'],
    ['redis://h#x', '%23'],
    ['redis://:%zz@h', 'percent'],
    ['redis://:p/w@h', '%2F'],
    ['//h:6379', 'redis://'],
  ])('%s is rejected with an error that mentions %s', (url, advice) => {
    expect(failure(url).message).toContain(advice);
  });
});

describe('unix socket', () => {
  it('is a path, or a unix URL with credentials and percent-decoding', () => {
    expect(parse('/run/redis@1/r.sock?password=pw')).toMatchObject({
      mode: 'standalone',
      nodes: [],
      redis: { path: '/run/redis@1/r.sock', password: 'pw' },
    });
    expect(parse('UNIX://me:pw@/run/r%20s.sock?db=0').redis).toEqual({
      path: '/run/r s.sock',
      username: 'me',
      password: 'pw',
      db: 0,
    });
  });

  it('can use TLS', () => {
    expect(parse('/r.sock?tls=true').redis).toEqual({ path: '/r.sock', tls: {} });
  });

  it('needs a path and no host', () => {
    expect(failure('unix://run/r.sock').message).toContain('unix:///');
    expect(failure('unix://').message).toContain('unix:///');
  });
});

describe('sentinel URL', () => {
  it.each(['redis+sentinel', 'redis-sentinel', 'valkey+sentinel', 'Valkey-Sentinel'])(
    '%s:// names sentinels and master, each with their own credentials',
    (scheme) => {
      const url = `${scheme}://u:p@s1,s2:26380,[::1]/my%20master/0?sentinelUsername=su&sentinelPassword=sp`;
      const sentinels = [
        { host: 's1', port: 26379 },
        { host: 's2', port: 26380 },
        { host: '::1', port: 26379 },
      ];
      expect(parse(url)).toEqual({
        mode: 'sentinel',
        nodes: sentinels,
        redis: {
          sentinels,
          name: 'my master',
          username: 'u',
          password: 'p',
          db: 0,
          sentinelUsername: 'su',
          sentinelPassword: 'sp',
        },
        backplane: {},
        warnings: [],
      });
    },
  );

  it('does not send the password of the Redis nodes to the sentinels', () => {
    expect(parse('redis+sentinel://:p@s/m').redis).not.toHaveProperty('sentinelPassword');
  });

  it.each(['rediss+sentinel', 'REDISS-SENTINEL', 'valkeys+sentinel'])(
    '%s:// means TLS to sentinels and master',
    (scheme) => {
      expect(parse(`${scheme}://s/m`).redis).toMatchObject({
        tls: {},
        sentinelTLS: {},
        enableTLSForSentinelMode: true,
      });
    },
  );

  it('can set TLS for the sentinels and the master separately', () => {
    expect(parse('rediss+sentinel://s/m?sentinelTls=false').redis).not.toHaveProperty('sentinelTLS');
    const plain = parse('redis+sentinel://s/m?sentinelTls=true&tlsServername=x');
    expect(plain.redis).toMatchObject({ sentinelTLS: { servername: 'x' } });
    expect(plain.redis).not.toHaveProperty('tls');
    expect(plain.warnings).toEqual([]);
  });

  it('needs the name of the master, and one set of credentials', () => {
    expect(failure('redis+sentinel://s1,s2').message).toContain('master');
    expect(failure('redis+sentinel://u:p@s1,u:p@s2/m').message).toContain('%40');
  });
});

describe('cluster URL', () => {
  it('names the start nodes, and its options have no host', () => {
    expect(parse('rediss+cluster://u:p@h1:7000,h2,H1:7000?protocol=3')).toEqual({
      mode: 'cluster',
      nodes: [
        { host: 'h1', port: 7000 },
        { host: 'h2', port: 6379 },
      ],
      redis: { username: 'u', password: 'p', protocol: 3, tls: {} },
      backplane: {},
      warnings: [],
    });
    expect(parse('valkey+cluster://h').redis).toEqual({});
  });

  it('accepts only database 0', () => {
    expect(parse('redis+cluster://h/0').mode).toBe('cluster');
    expect(failure('redis+cluster://h/1').key).toBe('db');
  });
});
