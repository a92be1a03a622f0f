import { describe, expect, it } from 'vitest';
import { newConnectionId, newServerId, serverOf } from '../../lib/protocol/connection-id.js';

describe('a server id', () => {
  it('is 12 characters of base64url, which fit the envelope and need no escaping', () => {
    for (let run = 0; run < 1000; run++) expect(newServerId()).toMatch(/^[\w-]{12}$/);
  });

  it('is new every time', () => {
    expect(new Set(Array.from({ length: 10_000 }, newServerId)).size).toBe(10_000);
  });
});

describe('a connection id', () => {
  it('tells which server holds the connection', () => {
    for (let run = 0; run < 1000; run++) {
      const serverId = newServerId();
      const id = newConnectionId(serverId);
      expect(id).toMatch(/^[\w-]{12}\.[\w-]{12}$/);
      expect(serverOf(id)).toBe(serverId);
    }
  });

  it('is new every time', () => {
    const serverId = newServerId();
    expect(new Set(Array.from({ length: 10_000 }, () => newConnectionId(serverId))).size).toBe(10_000);
  });

  it.each(['', 'x', '.', 'short.x', 'AbCdEfGhIj-_', 'AbCdEfGhIj-_:x', 'AbCdEfGhIj-_x.y'])(
    '%j is not one of ours',
    (id) => {
      expect(serverOf(id)).toBeUndefined();
    },
  );
});
