import { describe, expect, it } from 'vitest';
import type { PresenceOptions } from '../../lib/options/presence-options.js';
import type { ChatServer } from '../support/chat-app.js';
import { idOf, join, useTestFarm } from '../support/test-farm.js';
import type { WsClient } from '../support/ws-client.js';

const farm = useTestFarm();

/** A server whose clients get their user id and their name from the URL: `/chat?user=ann&name=Ann`. */
function server(presence: PresenceOptions = {}): Promise<ChatServer> {
  return farm.server({
    ...farm.options(),
    presence,
    authenticate: ({ url = '' }: { url?: string }) => {
      const query = new URL(url, 'ws://localhost').searchParams;
      return { userId: query.get('user') ?? undefined, data: { name: query.get('name') } };
    },
  });
}

async function member(at: ChatServer, group: string, query = ''): Promise<WsClient> {
  const client = await farm.client(at, `/chat${query}`);
  await join(client, group);
  return client;
}

describe('count, members and isOnline', () => {
  it('give the same farm-wide answer on every server', async () => {
    const all = await Promise.all([server(), server(), server()]);
    for (const one of all) for (let index = 0; index < 5; index++) await member(one, 'room');
    for (const { broadcaster } of all) {
      expect(await broadcaster.group('room').count()).toEqual({ connections: 15, users: 0, missing: [] });
      const { members, missing, truncated } = await broadcaster.group('room').members();
      expect({ size: new Set(members.map(({ id }) => id)).size, missing, truncated }).toEqual({
        size: 15,
        missing: [],
        truncated: false,
      });
      expect(broadcaster.local.group('room').count()).toEqual({ connections: 5, users: 0, missing: [] });
    }
  });

  it('count a user with connections to several servers once, and a connection in several targets once', async () => {
    const [one, two] = await Promise.all([server(), server()]);
    await member(one, 'a', '?user=ann');
    const both = await member(two, 'a', '?user=ann');
    await join(both, 'b');
    await member(two, 'b', '?user=bob');
    expect(await one.broadcaster.group('a', 'b').user('ann').count()).toEqual({
      connections: 3,
      users: 2,
      missing: [],
    });
    expect(
      await one.broadcaster
        .group('a')
        .except(await idOf(both))
        .count(),
    ).toMatchObject({ connections: 1 });
    expect(await one.broadcaster.user('bob').isOnline()).toBe(true);
    expect(await one.broadcaster.user('bob', 'eve').isOnline()).toEqual(
      new Map([
        ['bob', true],
        ['eve', false],
      ]),
    );
    expect(one.broadcaster.local.user('bob').isOnline()).toBe(false);
    expect(two.broadcaster.user('bob').local.isOnline()).toBe(true);
  });

  it('list presence data only if the option projects it', async () => {
    const presence: PresenceOptions = { data: ({ data }) => ({ name: (data as { name: string }).name }) };
    const [one, two] = await Promise.all([server(presence), server(presence)]);
    const ann = await member(two, 'room', '?user=ann&name=Ann');
    expect(await one.broadcaster.group('room').members()).toEqual({
      members: [
        { id: await idOf(ann), userId: 'ann', serverId: two.backplane.serverId, data: { name: 'Ann' } },
      ],
      missing: [],
      truncated: false,
    });
  });
});
