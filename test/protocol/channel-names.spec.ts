import { describe, expect, it } from 'vitest';
import {
  ChannelNames,
  InvalidNameError,
  MAX_NAME_BYTES,
  checkName,
  pathKey,
} from '../../lib/protocol/channel-names.js';
import type { TargetKind, TargetRef } from '../../lib/protocol/target.js';
import { type Random, withSeed } from '../support/seed.js';

const channels = new ChannelNames('app');

describe('the channels', () => {
  it('have the same names in every release', () => {
    expect(channels.servers).toBe('app:servers');
    expect(channels.server('AbCdEfGhIj-_')).toBe('app:server:AbCdEfGhIj-_');
    expect(channels.target('/chat', { kind: 'all', name: '' })).toBe('app:/chat:all');
    expect(channels.target('/chat', { kind: 'group', name: 'a:b' })).toBe('app:/chat:group:a:b');
    expect(channels.target('8081/chat', { kind: 'user', name: '*' })).toBe('app:8081/chat:user:*');
    expect(channels.target('/a:b%3A', { kind: 'all', name: '' })).toBe('app:/a%3Ab%253A:all');
  });

  it('all match the pattern for an ACL rule', () => {
    expect(channels.pattern).toBe('app:*');
  });

  // Pieces that look like the separators, prefixes and kinds around them, so that random names find any channel that can
  // be read in two ways.
  const prefixes = ['a', 'a:b', 'a:server', 'a:group', 'a:servers', '%3A'];
  const pieces = [':', '/', '%', '*', '#', ' ', '😀', '%3A', '%25', ':all', ':group:', ':user:', '/x', 'a'];
  const kinds: readonly TargetKind[] = ['all', 'group', 'user'];
  const text = (random: Random): string =>
    random.list(4, () => random.pick([...pieces, ...prefixes])).join('');

  it('never collide for two different combinations of prefix, path, kind and name', () => {
    return withSeed((random) => {
      const meanings = new Map<string, string>();
      const remember = (channel: string, ...meaning: string[]): void => {
        const known = meanings.get(channel) ?? JSON.stringify(meaning);
        expect(JSON.stringify(meaning), channel).toBe(known);
        meanings.set(channel, known);
      };
      for (const prefix of prefixes) remember(new ChannelNames(prefix).servers, prefix, 'servers');
      for (let run = 0; run < 50_000; run++) {
        const prefix = random.pick(prefixes);
        const path = pathKey(text(random), random.pick([0, 0, 8081]));
        const kind = random.pick(kinds);
        const target: TargetRef = { kind, name: kind === 'all' ? '' : text(random) || 'x' };
        remember(new ChannelNames(prefix).target(path, target), prefix, path, kind, target.name);
      }
      for (let run = 0; run < 1000; run++) {
        const prefix = random.pick(prefixes);
        const serverId = random.bytes(9).toString('base64url');
        remember(new ChannelNames(prefix).server(serverId), prefix, 'server', serverId);
      }
    });
  });
});

describe('pathKey', () => {
  it.each<[path: string | undefined, port: number | undefined, key: string]>([
    [undefined, undefined, '/'],
    ['', undefined, '/'],
    ['/', undefined, '/'],
    ['chat', undefined, '/chat'],
    ['/chat', undefined, '/chat'],
    ['/chat/', 0, '/chat'],
    ['/Chat', 0, '/Chat'],
    ['/chat', 8081, '8081/chat'],
    [undefined, 8081, '8081/'],
  ])('of %j with port %j is %j', (path, port, key) => {
    expect(pathKey(path, port)).toBe(key);
  });
});

describe('checkName', () => {
  it.each<[what: string, name: string]>([
    ['one character', 'a'],
    ['a star', '*'],
    ['a space', ' '],
    ['a NUL character', '\0'],
    ['a complete surrogate pair', '😀'],
    ['a name of the maximum length', 'g'.repeat(MAX_NAME_BYTES)],
    ['a name of the maximum length with four bytes per character', '😀'.repeat(MAX_NAME_BYTES / 4)],
  ])('accepts %s', (_what, name) => {
    expect(() => checkName('the name', name)).not.toThrow();
  });

  it.each<[what: string, name: unknown, problem: string]>([
    ['an empty name', '', 'at least one character'],
    ['one byte too many', 'g'.repeat(4097), 'at most 4096 bytes'],
    ['too many bytes in few characters', '😀'.repeat(1025), 'at most 4096 bytes'],
    ['a lone high surrogate', 'a\ud83d', 'surrogate'],
    ['a lone low surrogate', '\ude00a', 'surrogate'],
    ['a pair in the wrong order', '\ude00\ud83d', 'surrogate'],
    ['a number', 7, 'must be a string'],
    ['nothing', undefined, 'must be a string'],
  ])('rejects %s, and says why', (_what, name, problem) => {
    const check = () => checkName("a group's name", name);
    expect(check).toThrow(InvalidNameError);
    expect(check).toThrow(`a group's name must`);
    expect(check).toThrow(problem);
  });
});
