import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import type { ConnectionPlan } from '../../lib/options/connection-plan.js';
import { ConnectionStringError } from '../../lib/options/connection-string.error.js';
import { parseConnectionString as parse } from '../../lib/options/connection-string.js';

function failure(text: string): ConnectionStringError {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof ConnectionStringError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

describe('memory', () => {
  it('has no name, or the one after the colon', () => {
    const empty = { nodes: [], redis: {}, backplane: {}, warnings: [] };
    expect(parse('memory:')).toEqual({ mode: 'memory', ...empty });
    expect(parse(' Memory:farm-1 ')).toEqual({ mode: 'memory', memoryName: 'farm-1', ...empty });
  });

  it('refuses a name that looks like something else', () => {
    expect(failure('memory://x').message).toContain('memory:');
    expect(failure('memory:6379,ssl=true').message).toContain('memory:');
  });
});

describe('redis URL', () => {
  it('gives host, port, decoded credentials and database', () => {
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
    '%s is one server on 6379 without TLS',
    (url) => {
      expect(parse(url).redis).toEqual({ host: 'h', port: 6379 });
    },
  );

  it.each(['rediss://h', 'REDISS://h', 'valkeys://h', 'redis://h?tls=true', 'rediss://h?tls=yes'])(
    '%s means TLS, and tells the server its name (SNI)',
    (url) => {
      expect(parse(url).redis).toEqual({ host: 'h', port: 6379, tls: { servername: 'h' } });
    },
  );

  it('sends no server name for an address, and the given one where there is one', () => {
    expect(parse('rediss://10.0.0.1').redis.tls).toEqual({});
    expect(parse('rediss://10.0.0.1?tlsServername=r.example').redis.tls).toEqual({ servername: 'r.example' });
  });

  it('takes IPv6 hosts in brackets, with and without port and zone', () => {
    expect(parse('redis://[::1]:6380').nodes).toEqual([{ host: '::1', port: 6380 }]);
    expect(parse('redis://:pw@[fe80::1%25eth0]').nodes).toEqual([{ host: 'fe80::1%eth0', port: 6379 }]);
  });

  it('takes a password without user, a user without password, and a raw @ in a password', () => {
    expect(parse('redis://:pw@h').redis).toEqual({ host: 'h', port: 6379, password: 'pw' });
    expect(parse('redis://me@h').redis).toEqual({ host: 'h', port: 6379, username: 'me' });
    expect(parse('redis://:p@w@h').redis).toEqual({ host: 'h', port: 6379, password: 'p@w' });
  });

  it('warns that a database does not keep apps apart', () => {
    expect(parse('redis://h/2').warnings).toEqual([expect.stringContaining('channelPrefix')]);
    expect(parse('redis://h/0').warnings).toEqual([]);
  });

  it('coerces every known parameter, in any letter case', () => {
    const query = [
      'family=6&connectTimeout=7000&keepAlive=15000&DB=1&name=app&protocol=resp2&noDelay=false',
      'username=u&password=p+w%2B&disableClientInfo=1&enableReadyCheck=off&channelPrefix=c&abortConnect=true',
      'echoIntervalMs=2000&publishTimeoutMs=900',
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
      backplane: { channelPrefix: 'c', abortConnect: true, echoIntervalMs: 2000, publishTimeoutMs: 900 },
    });
    expect(parse('redis://h?connectionName=app').redis.connectionName).toBe('app');
  });

  it('warns of parameters that need sentinels or TLS', () => {
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
  ])('%s is refused, naming %s', (url, key) => {
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
  ])('%s is refused with advice on %s', (url, advice) => {
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

  it('can speak TLS', () => {
    expect(parse('/r.sock?tls=true').redis).toEqual({ path: '/r.sock', tls: {} });
  });

  it('needs a path and no host', () => {
    expect(failure('unix://run/r.sock').message).toContain('unix:///');
    expect(failure('unix://').message).toContain('unix:///');
  });
});

describe('sentinel URL', () => {
  it.each(['redis+sentinel', 'redis-sentinel', 'valkey+sentinel', 'Valkey-Sentinel'])(
    '%s:// gives sentinels and master, each side with its own credentials',
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

  it('does not send the password of the servers to the sentinels', () => {
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

  it('lets TLS differ between sentinels and master', () => {
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
  it('gives start nodes, and options without host', () => {
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

  it('has database 0 only', () => {
    expect(parse('redis+cluster://h/0').mode).toBe('cluster');
    expect(failure('redis+cluster://h/1').key).toBe('db');
  });
});

describe('StackExchange.Redis string', () => {
  const one = (more: string): ConnectionPlan => parse(`h,${more}`);

  it.each(['h', 'h:6379', 'h,h:6379,H', ' h , ', 'h,ssl=false'])('%s is one server on 6379', (text) => {
    const plan = parse(text);
    expect(plan.mode).toBe('standalone');
    expect(plan.nodes).toHaveLength(1);
    expect(plan.redis).toEqual({ host: expect.stringMatching(/^h$/i), port: 6379 });
    expect(plan.backplane).toEqual({});
  });

  it('takes IPv6 endpoints with and without brackets, wherever they stand', () => {
    expect(parse('::1').nodes).toEqual([{ host: '::1', port: 6379 }]);
    expect(parse('ssl=true,[::1]:1').nodes).toEqual([{ host: '::1', port: 1 }]);
  });

  it('is TLS with ssl, on 6380 unless a port is given', () => {
    expect(one('ssl=true').redis).toEqual({ host: 'h', port: 6380, tls: { servername: 'h' } });
    expect(parse('h:1,SSL=On').redis).toEqual({ host: 'h', port: 1, tls: { servername: 'h' } });
  });

  it.each<[string, Partial<ConnectionPlan>]>([
    ['abortConnect=false', { backplane: { abortConnect: false } }],
    ['abortConnect=Yes', { backplane: { abortConnect: true } }],
    ['asyncTimeout=900', { backplane: { publishTimeoutMs: 900 } }],
    ['syncTimeout=800', { backplane: { publishTimeoutMs: 800 } }],
    ['asyncTimeout=900,syncTimeout=800', { backplane: { publishTimeoutMs: 900 } }],
    ['syncTimeout=800,asyncTimeout=900', { backplane: { publishTimeoutMs: 900 } }],
    ['CHANNELPREFIX=my:app', { backplane: { channelPrefix: 'my:app' } }],
    ['keepAlive=60', { backplane: { echoIntervalMs: 60_000 } }],
    ['keepAlive=-1', { backplane: {} }],
    ['tcpKeepAlive=true', { backplane: {} }],
    ['user=', { backplane: {} }],
    ['proxy=none', { backplane: {} }],
    ['tunnel=', { backplane: {} }],
  ])('%s sets the backplane', (text, expected) => {
    const plan = one(text);
    expect(plan).toMatchObject(expected);
    expect(plan.backplane).toEqual(expected.backplane);
    expect(plan.redis).toEqual({ host: 'h', port: 6379 });
    expect(plan.warnings).toEqual([]);
  });

  it.each<[string, object]>([
    ['connectTimeout=7000', { connectTimeout: 7000 }],
    ['password=p=w', { password: 'p=w' }],
    ['user=me', { username: 'me' }],
    ['name=app', { connectionName: 'app' }],
    ['protocol=2', { protocol: 2 }],
    ['protocol=Resp3', { protocol: 3 }],
    ['setlib=false', { disableClientInfo: true }],
    ['setlib=true', { disableClientInfo: false }],
    ['tcpKeepAlive=false', { keepAlive: null }],
    ['version=5.0.14', { protocol: 2 }],
    ['version=7.4', {}],
    ['version=5.0,protocol=3', { protocol: 3 }],
    ['protocol=3,version=5.0', { protocol: 3 }],
    ['$HELLO=,protocol=3', { protocol: 2 }],
    ['$INFO=', { enableReadyCheck: false }],
    ['$client=x,setlib=true', { disableClientInfo: true }],
    ['$PUBLISH=publish', {}],
    ['ssl=true,sslHost=r.example', { port: 6380, tls: { servername: 'r.example' } }],
    [
      'ssl=true,sslProtocols=Tls12|tls13',
      { port: 6380, tls: { servername: 'h', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' } },
    ],
    [
      'ssl=true,sslProtocols=tls',
      { port: 6380, tls: { servername: 'h', minVersion: 'TLSv1', maxVersion: 'TLSv1' } },
    ],
    ['ssl=true,sslProtocols=none', { port: 6380, tls: { servername: 'h' } }],
  ])('%s sets options of ioredis', (text, expected) => {
    const plan = one(text);
    expect(plan.redis).toEqual({ host: 'h', port: 6379, ...expected });
    expect(plan.warnings).toEqual([]);
  });

  it('selects a database, and says that channels do not care', () => {
    const plan = one('defaultDatabase=3');
    expect(plan.redis.db).toBe(3);
    expect(plan.warnings).toEqual([expect.stringContaining('channelPrefix')]);
    expect(one('defaultDatabase=3,channelPrefix=a').warnings).toEqual([]);
  });

  it.each([
    'allowAdmin=true',
    'configChannel=x',
    'configCheckSeconds=30',
    'resolveDns=true',
    'tiebreaker=x',
    'responseTimeout=1',
    'writeBuffer=1',
    'highPriorityThreads=1',
    'preserveAsyncOrder=true',
    'highIntegrity=false',
    'checkCertificateRevocation=false',
  ])('%s changes nothing, and nobody needs to know', (text) => {
    expect(one(text)).toEqual(parse('h'));
  });

  it.each([
    ['checkCertificateRevocation=true', 'checkCertificateRevocation'],
    ['connectRetry=3', 'connectRetry'],
    ['highIntegrity=true', 'highIntegrity'],
    ['sslHost=x', 'TLS'],
    ['sslProtocols=tls12', 'TLS'],
    ['sentinelPassword=x', 'sentinels'],
    ['sentinelUser=x', 'sentinels'],
    ['$FLUSHALL=', 'Part 2'],
  ])('%s changes nothing, with a warning that has %s in it', (text, word) => {
    const plan = one(text);
    expect(plan).toEqual({ ...parse('h'), warnings: plan.warnings });
    expect(plan.warnings).toEqual([expect.stringContaining(word)]);
  });

  it.each([
    ['proxy=twemproxy', 'proxy'],
    ['proxy=envoyproxy', 'proxy'],
    ['tunnel=http:p:80', 'tunnel'],
    ['$PUBLISH=', '$PUBLISH'],
    ['$subscribe=x', '$SUBSCRIBE'],
    ['$UNSUBSCRIBE=', '$UNSUBSCRIBE'],
    ['pasword=x', 'pasword'],
    ['constructor=x', 'constructor'],
    ['ssl=perhaps', 'ssl'],
    ['ssl=', 'ssl'],
    ['protocol=4', 'protocol'],
    ['version=new', 'version'],
    ['connectTimeout=5s', 'connectTimeout'],
    ['asyncTimeout=0', 'asyncTimeout'],
    ['keepAlive=2147484', 'keepAlive'],
    ['defaultDatabase=-1', 'defaultDatabase'],
    ['sslProtocols=ssl3', 'sslProtocols'],
    ['sslProtocols=tls|tls12', 'sslProtocols'],
    ['password=x,ssl=true,oops=1', 'oops'],
  ])('%s is refused, naming %s', (text, key) => {
    const error = failure(`h,${text}`);
    expect(error.key).toBe(key);
    expect(error.message).toContain(`"${key}"`);
  });

  it.each([
    ['h1,h2', 'redis+cluster://'],
    ['h1,h2', 'serviceName='],
    ['password=x', 'names no server'],
    ['serviceName=m', 'names no server'],
    ['h:', 'port'],
    ['h:x', 'port'],
    ['h 1', 'host'],
    ['=x', 'host'],
    ['!/run/r.sock', 'unix://'],
    ['h,password=a,b', '%2C'],
    ['h,password=a,b=c', 'Part 3'],
  ])('%s is refused with advice on %s', (text, advice) => {
    expect(failure(text).message).toContain(advice);
  });

  it('with serviceName asks sentinels, with the credentials of the servers where they have none', () => {
    const sentinels = [
      { host: 's1', port: 26379 },
      { host: 's2', port: 1 },
    ];
    expect(parse('s1,s2:1,serviceName=m,user=u,password=p,ssl=true,sslHost=x')).toEqual({
      mode: 'sentinel',
      nodes: sentinels,
      redis: {
        sentinels,
        name: 'm',
        username: 'u',
        password: 'p',
        sentinelUsername: 'u',
        sentinelPassword: 'p',
        tls: { servername: 'x' },
        sentinelTLS: { servername: 'x' },
        enableTLSForSentinelMode: true,
      },
      backplane: {},
      warnings: [],
    });
  });

  it('gives sentinels their own credentials, or none where those are empty', () => {
    const own = parse('s,serviceName=m,user=u,password=p,sentinelUser=su,sentinelPassword=sp');
    expect(own.redis).toMatchObject({ sentinelUsername: 'su', sentinelPassword: 'sp' });
    const none = parse('s,serviceName=m,user=u,password=p,sentinelUser=,sentinelPassword=');
    expect(none.redis).not.toHaveProperty('sentinelUsername');
    expect(none.redis).not.toHaveProperty('sentinelPassword');
  });

  it.each([
    ['a.redis.cache.windows.net', 6379, false],
    ['a.redis.cache.windows.net:6380', 6380, true],
    ['A.Redis.Cache.Windows.NET,ssl=true', 6380, true],
    ['a.westeurope.redis.azure.net:10000', 10000, true],
    ['a.westeurope.redis.azure.net', 6380, true],
    ['a.redis.azure.net:10000,ssl=false', 10000, false],
  ])('%s has the defaults of Azure', (text, port, tls) => {
    const plan = parse(text);
    expect(plan.redis.port).toBe(port);
    expect('tls' in plan.redis).toBe(tls);
    expect(plan.backplane).toEqual({ abortConnect: false });
  });

  it('lets the string overrule what Azure takes for granted', () => {
    expect(parse('a.redis.azure.net,abortConnect=true').backplane.abortConnect).toBe(true);
    expect(parse('redis.azure.net.example').backplane).toEqual({});
  });
});

describe('what ioredis makes of a plan', () => {
  const optionsOf = (text: string) => new Redis({ ...parse(text).redis, lazyConnect: true }).options;

  it('keeps TCP keep-alive off, on a given delay, or at its default', () => {
    expect(optionsOf('h,tcpKeepAlive=false').keepAlive).toBeNull();
    expect(optionsOf('redis://h?keepAlive=5000').keepAlive).toBe(5000);
    expect(optionsOf('h').keepAlive).toBe(30_000);
  });

  it('takes server, socket, and sentinels', () => {
    expect(optionsOf('REDISS://u:p@h/0')).toMatchObject({
      host: 'h',
      port: 6379,
      username: 'u',
      tls: { servername: 'h' },
    });
    expect(optionsOf('/r.sock')).toMatchObject({ path: '/r.sock' });
    expect(optionsOf('s,serviceName=m')).toMatchObject({
      name: 'm',
      sentinels: [{ host: 's', port: 26379 }],
    });
  });
});

describe('secrets', () => {
  const SEPARATORS = [
    '',
    ',',
    '=',
    ',=',
    ',x=',
    '@',
    '/',
    '?',
    '#',
    '%',
    ':',
    '&',
    ' ',
    '$',
    ',$',
    '://',
    '[',
    '|',
    '!',
  ];
  /** § is where the secret stands. */
  const TEMPLATES = [
    '§',
    '§,ssl=true',
    'h,password=§',
    'h,password=§,ssl=maybe',
    'password=§,h:1,oops=1',
    'h,user=§,password=x,proxy=twemproxy',
    'h,user=me,password=§,$PUBLISH=',
    'h,sentinelPassword=§,defaultDatabase=2',
    'h,sentinelUser=§',
    's,serviceName=m,sentinelPassword=§,tunnel=x',
    'h,pasword=§',
    'h:§',
    'h,ssl=§',
    'h,connectTimeout=§',
    'h,protocol=§',
    'h,version=§',
    'h,sslProtocols=§',
    'h,sslHost=§',
    'h,tunnel=http://u:§@p',
    'h,$FLUSHALL=§',
    'h1,h2,password=§',
    'redis://§@h',
    'redis://:§@h:x',
    'redis://u:§@h/1',
    'redis://§:p@h?oops=1',
    'redis://u:§@h1,h2',
    'redis://u:§@',
    'redis://u:§',
    'redis://h:§',
    'redis://h/§',
    'redis://h?password=§',
    'redis://h?password=§&password=§',
    'redis://h?sentinelPassword=§&connectTimeout=x',
    'redis://h?tls=§',
    'redis://h#§',
    'redis+sentinel://u:§@s1,s2',
    'redis+sentinel://u:§@s1,u:§@s2/m/x',
    'redis+sentinel://s1/m?sentinelPassword=§&oops=1',
    'rediss+cluster://u:§@h1,h2/1',
    'http://u:§@h',
    'u:§@h:6379',
    'unix://u:§@/',
    'unix://u:§@h/r.sock',
    '/r.sock?password=§&oops=1',
    'memory:§',
  ];

  /** All that a parse says of the string, apart from what it is for. */
  function said(text: string): string {
    try {
      return parse(text).warnings.join('\n');
    } catch (error) {
      if (!(error instanceof ConnectionStringError)) throw error;
      return `${error.message}\n${String(error.key)}\n${String(error.cause)}\n${error.stack}`;
    }
  }

  function pieces(secret: string): string[] {
    return Array.from({ length: secret.length - 4 }, (_, start) =>
      secret.slice(start, start + 5).toLowerCase(),
    );
  }

  it.each(TEMPLATES)('are not told by what %s gives, whatever they contain', (template) => {
    for (const separator of SEPARATORS) {
      const text = template.replaceAll('§', () => `Hunt3r2${separator}H0rse5`);
      expect(said(text), `separator ${separator}`).not.toMatch(/hunt3r2|h0rse5/i);
    }
  });

  it.each(TEMPLATES.filter((template) => /(user|password)=§|:\/\/(u:|:)?§/i.test(template)))(
    'that a separator cuts into plain words are not told by what %s gives',
    (template) => {
      for (const separator of [',', '?', '/', '#', '@']) {
        const text = template.replaceAll('§', () => `Hunter${separator}Horse=Battery@Staple`);
        expect(said(text), `separator ${separator}`).not.toMatch(/hunter|horse|battery|staple/i);
      }
    },
  );

  it('are not told by damaged strings', () => {
    const secret = 'Zq7xVw3kPy9';
    const spoilers = [...',=@:/?#%&[]$ '];
    let seed = 20_261_122;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const told: string[] = [];
    for (let round = 0; round < 6_000; round++) {
      let text = TEMPLATES[random(TEMPLATES.length)].replaceAll('§', secret);
      for (let damages = 1 + random(2); damages > 0; damages--) {
        const at = random(text.length);
        const insert = random(2) === 0 ? '' : spoilers[random(spoilers.length)];
        text = text.slice(0, at) + insert + text.slice(at + 1 - random(2));
      }
      const words = said(text).toLowerCase();
      if (pieces(secret).some((piece) => words.includes(piece))) told.push(text);
    }
    expect(told).toEqual([]);
  });
});
