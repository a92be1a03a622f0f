import { Logger } from '@nestjs/common';
import { describe, expect, it, vi } from 'vitest';
import type { Admission } from '../../lib/options/authenticate.js';
import type { EdgeOptions } from '../../lib/options/edge-options.js';
import type { ChatServer } from '../support/chat-app.js';
import { refusal } from '../support/raw-client.js';
import { delivered, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();

function start(edge: EdgeOptions): Promise<ChatServer> {
  return farm.server({ ...farm.options(), ...edge });
}

describe('allowedOrigins', () => {
  const allowedOrigins = ['https://example.com', 'http://localhost:3000/'];

  it.each(['https://evil.test', 'https://example.com.evil.test', 'http://example.com', 'null'])(
    'refuses a page from %s with 403 without calling authenticate',
    async (origin) => {
      let calls = 0;
      const authenticate = (): Admission => ({ data: calls++ });
      const server = await start({ allowedOrigins, authenticate });
      expect(await refusal(server, '/chat', { origin })).toBe(403);
      expect(calls).toBe(0);
    },
  );

  it.each(['https://example.com', 'http://localhost:3000'])('admits a page from %s', async (origin) => {
    const server = await start({ allowedOrigins });
    await delivered(server, await farm.client(server, '/chat', { origin }));
  });

  it.each([
    ['capacitor://localhost', 'capacitor://localhost'],
    ['chrome-extension://abcdefghijklmnop', 'chrome-extension://abcdefghijklmnop'],
    ['http://[::1]:3000', 'http://[::1]:3000'],
    ['https://Example.com:443', 'https://example.com'],
    ['https://*.example.com', 'https://a.example.com'],
    ['https://*.example.com:8443', 'https://a.b.example.com:8443'],
  ])('with %s admits a page from %s', async (entry, origin) => {
    const server = await start({ allowedOrigins: [entry] });
    await delivered(server, await farm.client(server, '/chat', { origin }));
  });

  it.each([
    ['capacitor://localhost', 'null'],
    ['capacitor://localhost', 'ionic://localhost'],
    ['chrome-extension://abcdefghijklmnop', 'chrome-extension://ponmlkjihgfedcba'],
    ['https://*.example.com', 'https://example.com'],
    ['https://*.example.com', 'https://evil-example.com'],
    ['https://*.example.com', 'http://a.example.com'],
    ['https://*.example.com', 'https://a.example.com:8443'],
    ['https://*.example.com', 'https://*.example.com'],
    ['https://example.com', 'https://example.com:8443'],
    ['https://example.com', 'https://example.com.'],
  ])('with %s refuses a page from %s', async (entry, origin) => {
    const server = await start({ allowedOrigins: [entry] });
    expect(await refusal(server, '/chat', { origin })).toBe(403);
  });

  it.each([
    'localhost:4200',
    'example.com',
    'file:///',
    'null',
    '',
    'https://',
    'https://*',
    'https://a.*.com',
    '*.example.com',
    'https://example.com/app',
    'https://example.com?x',
    'https://user@example.com',
    'https://exa mple.com',
    'https://bücher.example',
    'https://example.com:0',
    'https://example.com:65536',
    'data:text/html,x',
  ])('fails at startup for %j, with an error that shows the format', async (entry) => {
    await expect(start({ allowedOrigins: [entry] })).rejects.toThrow(/allowedOrigins.*(scheme:\/\/host)/s);
  });

  it('suggests the origin that was probably meant', async () => {
    await expect(start({ allowedOrigins: ['localhost:4200'] })).rejects.toThrow('"http://localhost:4200"');
    await expect(start({ allowedOrigins: ['https://example.com/app'] })).rejects.toThrow(
      '"https://example.com"',
    );
    await expect(start({ allowedOrigins: ['https://bücher.example'] })).rejects.toThrow(
      '"https://xn--bcher-kva.example"',
    );
  });

  it('admits a client without an origin, because that is not a browser', async () => {
    const server = await start({ allowedOrigins });
    await delivered(server, await farm.client(server));
  });

  it.each(['*' as const, ['*']])('with %j admits every page, with its cookies', async (every) => {
    const server = await start({ allowedOrigins: every });
    const headers = { cookie: 'sid=1' };
    await delivered(server, await farm.client(server, '/chat', { origin: 'https://evil.test', headers }));
  });
});

describe('without allowedOrigins', () => {
  const evil = 'https://evil.test';

  it.each<[name: string, headers: Record<string, string>]>([
    ['Cookie', { origin: evil, cookie: 'sid=1' }],
    ['Authorization', { origin: evil, authorization: 'Basic eDp5' }],
    ['Cookie, from a sandboxed frame', { origin: 'null', cookie: 'sid=1' }],
    ['Cookie, with an invalid origin', { origin: 'http://[', cookie: 'sid=1' }],
    ['Cookie, from a subdomain', { origin: 'http://a.127.0.0.1', cookie: 'sid=1' }],
  ])('a page from another host may not send %s', async (_name, headers) => {
    let calls = 0;
    const server = await start({ authenticate: () => ({ data: calls++ }) });
    expect(await refusal(server, '/chat', { headers })).toBe(403);
    expect(calls).toBe(0);
  });

  it.each<[name: string, headers: Record<string, string>]>([
    ['from another host without credentials', { origin: evil }],
    ['from the same host with its cookie', { origin: 'http://127.0.0.1', cookie: 'sid=1' }],
    [
      'from another port of the host, which shares its cookies',
      { origin: 'http://127.0.0.1:4200', cookie: 'sid=1' },
    ],
    ['from the host in X-Forwarded-Host', { origin: evil, cookie: 'sid=1', 'x-forwarded-host': 'evil.test' }],
    [
      'from one of several hosts in X-Forwarded-Host',
      { origin: evil, cookie: 'a', 'x-forwarded-host': 'a.test, evil.test:443' },
    ],
    [
      'from the host in Forwarded',
      { origin: evil, cookie: 'a', forwarded: 'for=1.2.3.4;host="evil.test:443";proto=https' },
    ],
    ['without an origin, so not from a browser,', { cookie: 'sid=1' }],
  ])('a request %s is admitted', async (_name, headers) => {
    const server = await start({});
    await delivered(server, await farm.client(server, '/chat', { headers }));
  });

  it('refusals log one line, which names the option', async () => {
    const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    farm.onEnd(() => warn.mockRestore());
    const server = await start({});
    for (let client = 0; client < 20; client++)
      await refusal(server, '/chat', { headers: { origin: evil, cookie: 'sid=1' } });
    const lines = warn.mock.calls.map(([line]) => String(line)).filter((line) => line.includes('refused'));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('allowedOrigins');
  });
});

it('2,000 refused clients with an Origin of 8 KB log less than 10 KB', async () => {
  const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  farm.onEnd(() => warn.mockRestore());
  const server = await start({ allowedOrigins: ['https://example.com'] });
  const origin = `https://${'x'.repeat(8192)}.test`;
  for (let round = 0; round < 20; round++)
    await Promise.all(Array.from({ length: 100 }, () => refusal(server, '/chat', { origin })));
  expect(server.backplane.counters.refused).toBe(2000);
  expect(warn.mock.calls.reduce((bytes, [line]) => bytes + String(line).length, 0)).toBeLessThan(10_000);
}, 60_000);
