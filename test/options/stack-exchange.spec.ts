import { describe, expect, it } from 'vitest';
import type { ConnectionPlan } from '../../lib/options/connection-plan.js';
import { parseConnectionString as parse } from '../../lib/options/connection-string.js';
import { failure } from '../support/connection-strings.js';

describe('StackExchange.Redis string', () => {
  const one = (more: string): ConnectionPlan => parse(`h,${more}`);

  it.each(['h', 'h:6379', 'h,h:6379,H', ' h , ', 'h,ssl=false'])('%s is one node on port 6379', (text) => {
    const plan = parse(text);
    expect(plan.mode).toBe('standalone');
    expect(plan.nodes).toHaveLength(1);
    expect(plan.redis).toMatchObject({ port: 6379 });
    expect(plan.redis.host?.toLowerCase()).toBe('h');
    expect(plan.backplane).toEqual({});
  });

  it('accepts IPv6 endpoints with and without brackets, in any position', () => {
    expect(parse('::1').nodes).toEqual([{ host: '::1', port: 6379 }]);
    expect(parse('ssl=true,[::1]:1').nodes).toEqual([{ host: '::1', port: 1 }]);
  });

  it('uses TLS with ssl=true, on port 6380 unless a port is given', () => {
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
    ['keepAlive=-1', { backplane: {} }],
    ['tcpKeepAlive=true', { backplane: {} }],
    ['user=', { backplane: {} }],
    ['proxy=none', { backplane: {} }],
    ['tunnel=', { backplane: {} }],
  ])('%s sets only options of the backplane', (text, expected) => {
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
    ['keepAlive=60', { keepAlive: 60_000 }],
    ['keepAlive=60,tcpKeepAlive=false', { keepAlive: null }],
    ['tcpKeepAlive=false,keepAlive=60', { keepAlive: null }],
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
  ])('%s sets only options of ioredis', (text, expected) => {
    const plan = one(text);
    expect(plan.redis).toEqual({ host: 'h', port: 6379, ...expected });
    expect(plan.warnings).toEqual([]);
  });

  it('selects a database, and warns that channels ignore it', () => {
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
  ])('%s has no effect, and causes no warning', (text) => {
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
  ])('%s has no effect, with a warning that mentions %s', (text, word) => {
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
  ])('%s is rejected, and the error names %s', (text, key) => {
    const error = failure(`h,${text}`);
    expect(error.key).toBe(key);
    expect(error.message).toContain(`"${key}"`);
  });

  it.each([
    ['h1,h2', 'redis+cluster://'],
    ['h1,h2', 'serviceName='],
    ['password=x', 'names no endpoint'],
    ['serviceName=m', 'names no endpoint'],
    ['h:', 'port'],
    ['h:x', 'port'],
    ['h 1', 'host'],
    ['=x', 'host'],
    ['!/run/r.sock', 'unix://'],
    ['h,password=a,b', '%2C'],
    ['h,password=a,b=c', 'Part 3'],
  ])('%s is rejected with an error that mentions %s', (text, advice) => {
    expect(failure(text).message).toContain(advice);
  });

  it('with serviceName uses Sentinel, and sends the sentinels the credentials of the nodes by default', () => {
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

  it('can set credentials for the sentinels, or none with empty values', () => {
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
  ])('%s gets the defaults for Azure', (text, port, tls) => {
    const plan = parse(text);
    expect(plan.redis.port).toBe(port);
    expect('tls' in plan.redis).toBe(tls);
    expect(plan.backplane).toEqual({ abortConnect: false });
  });

  it('overrides the defaults for Azure', () => {
    expect(parse('a.redis.azure.net,abortConnect=true').backplane.abortConnect).toBe(true);
    expect(parse('redis.azure.net.example').backplane).toEqual({});
  });
});
