import { describe, expect, it } from 'vitest';
import { FakeBroadcaster, FakeConnection } from '../../lib/testing/index.js';
import { ChatGateway } from '../support/chat.gateway.js';

describe('FakeConnection', () => {
  it('has what the test says, and otherwise an id of its own and empty data', () => {
    const client = new FakeConnection({ id: 'c1', userId: 'ada', data: { name: 'Ada' } });
    const others = [new FakeConnection(), new FakeConnection()];

    expect([client.id, client.userId, client.data.name]).toEqual(['c1', 'ada', 'Ada']);
    expect(new Set(others.map(({ id }) => id)).size).toBe(2);
    expect(others[0]?.data).toEqual({});
    expect(others[0]?.userId).toBeUndefined();
  });

  it('runs a handler without a server', async () => {
    const client = new FakeConnection();
    const gateway = new ChatGateway();

    expect(await gateway.join(client, 'tea')).toEqual({ event: 'joined', data: 'tea' });
    await gateway.join(client, 'coffee');
    await gateway.leave(client, 'tea');

    expect([...client.groups]).toEqual(['coffee']);
    expect(client.joined).toEqual(['tea', 'coffee']);
    expect(client.left).toEqual(['tea']);
  });

  it('records messages as a client receives them, even if the app changes its object later', async () => {
    const client = new FakeConnection();
    const data = { at: new Date(0), tags: ['a'] };

    const delivery = await client.emit('welcome', data);
    data.tags.push('b');
    await client.emit('bye');

    expect(delivery).toMatchObject({ local: 1, backplane: 'notNeeded' });
    expect(client.emits).toStrictEqual([
      { event: 'welcome', data: { at: '1970-01-01T00:00:00.000Z', tags: ['a'] } },
      { event: 'bye' },
    ]);
  });

  it('replies to invoke as the test says', async () => {
    const client = new FakeConnection();
    client.reply('confirm', (data) => [data, 'yes']);

    expect(await client.invoke('confirm', 'sure?')).toEqual(['sure?', 'yes']);
    expect(client.invokes).toStrictEqual([{ event: 'confirm', data: 'sure?' }]);
    await expect(client.invoke('other')).rejects.toThrow('no reply to "other"');
  });

  it('is closed like a real one', async () => {
    const client = new FakeConnection();
    const expiresAt = new Date(Date.now() + 1000);
    client.renew(expiresAt);
    await client.join('tea');
    expect(client.closed).toBeUndefined();

    client.close(4000, 'bye');
    client.close();
    client.renew(null);

    expect(client.closed).toEqual({ code: 4000, reason: 'bye' });
    expect(client.expiresAt).toBe(expiresAt);
    expect([...client.groups]).toEqual([]);
    expect(await client.emit('late')).toMatchObject({ local: 0 });
    expect(client.emits).toEqual([]);
    await expect(client.join('tea')).rejects.toMatchObject({ code: 'BACKPLANE_CONNECTION_CLOSED' });
    await expect(client.invoke('e')).rejects.toMatchObject({ code: 'BACKPLANE_CONNECTION_CLOSED' });
  });

  it('refuses what a real one refuses', async () => {
    const client = new FakeConnection();
    await expect(client.join('')).rejects.toMatchObject({ code: 'BACKPLANE_INVALID_NAME' });
    await expect(client.emit('e', 1n)).rejects.toMatchObject({ code: 'BACKPLANE_UNSENDABLE_DATA' });
    expect(() => client.close(1)).toThrow('code');
    expect(() => client.renew(new Date(Number.NaN))).toThrow('expiresAt');
    expect(() => client.socket).toThrow('has no socket');
  });

  it('fits a typed gateway together with a FakeBroadcaster', async () => {
    interface Events {
      said: { text: string };
    }
    const broadcaster = new FakeBroadcaster<Events>('/chat');
    const client = new FakeConnection<unknown, Events>();
    broadcaster.localConnections.push(client);

    for (const each of broadcaster.localConnections) await each.emit('said', { text: 'Hello' });
    // @ts-expect-error data of the wrong type
    await client.emit('said', { text: 1 });

    expect(client.emits.map(({ data }) => data)).toEqual([{ text: 'Hello' }, { text: 1 }]);
  });
});
