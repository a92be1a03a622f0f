import { describe, expect, it } from 'vitest';
import { comparablePath, requestPath } from '../../lib/adapter/request-path.js';
import { BUSY_MACHINE_MS } from '../support/busy-machine.js';
import { withSeed } from '../support/seed.js';

describe('the path of a request target', () => {
  it.each([
    ['/chat', '/chat'],
    ['/chat/', '/chat'],
    ['/chat///', '/chat'],
    ['/chat?a=/b/', '/chat'],
    ['/', '/'],
    ['/?', '/'],
    ['http://host/chat', '/chat'],
    ['HTTPS://user:secret@host:8080/chat/?token=http://x/y', '/chat'],
    ['wss://[::1]:443/chat', '/chat'],
    ['http://host', '/'],
    ['http://host?a', '/'],
    ['/ch%61t', '/chat'],
    ['/%63%68%61%74', '/chat'],
    ['http://host/%7Eme', '/~me'],
    ['/a%2db%2D', '/a-b-'],
    ['/caf%c3%a9', '/caf%C3%A9'],
  ])('of %s is %s', (target, path) => expect(requestPath(target)).toBe(path));

  it.each([
    ['//chat', 'another path'],
    ['/CHAT', 'another path'],
    ['/chat%2F', 'an escaped slash is part of a name'],
    ['/ch%2561t', 'escapes are decoded only once'],
    ['/%2E%2E/chat', 'dot segments are not resolved'],
    ['/ch%6', 'incomplete escape'],
    ['/ch%zzt', 'invalid escape'],
    ['http:/chat', 'no host'],
    ['http:///chat', 'no host'],
    ['1http://host/chat', 'no scheme'],
    ['*', 'no path'],
    ['chat', 'no path'],
    ['host:80', 'no path'],
    ['/chat#x', 'a target has no fragment'],
  ])('of %s is not /chat: %s', (target) => expect(requestPath(target)).not.toBe('/chat'));

  it('is / if the target is missing or empty', () => {
    expect(requestPath(undefined)).toBe('/');
    expect(requestPath('')).toBe('/');
  });

  it('of random text is already normalized, and long text takes no noticeable time', () =>
    withSeed((random) => {
      const escapes = ['/', '//', '%41', '%2f', '%2F', '?', '#', 'http://', 'a', '..', '[', '\u00ff', '\0'];
      for (let round = 0; round < 5000; round++) {
        const text = (parts: string[]): string =>
          Array.from({ length: random.below(12) }, () => random.pick(parts)).join('');
        const path = requestPath(text(escapes));
        // Normalizing again changes nothing.
        expect(comparablePath(path)).toBe(path);
        expect(requestPath(text([...escapes, '%', '%zz', '%4']))).not.toBe('');
      }
      const began = performance.now();
      for (const flood of ['/', '/a', '%41', '%', 'http://']) requestPath(flood.repeat(16_000));
      expect(performance.now() - began).toBeLessThan(BUSY_MACHINE_MS);
    }));
});
