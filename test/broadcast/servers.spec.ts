import { describe, expect, it } from 'vitest';
import { RedisBackplane } from '../../lib/broadcast/redis-backplane.js';
import { InvalidOptionsError } from '../../lib/options/invalid-options.error.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import type { ChatServer } from '../support/chat-app.js';
import { collect, eventually, next } from '../support/observe.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();

const start = (appVersion: string): Promise<ChatServer> => farm.server({ ...farm.options(), appVersion });

describe('the servers of a farm of apps', () => {
  it('are listed on each of them, with version, readiness and connections', async () => {
    const servers = [await start('1.4.1'), await start('1.4.2')];
    const [one, two] = servers as [ChatServer, ChatServer];
    await farm.client(two);
    for (const { app } of servers)
      await eventually(() => {
        const listed = app.get(RedisBackplane).servers;
        expect(listed).toHaveLength(2);
        expect(listed).toContainEqual(
          expect.objectContaining({ serverId: one.backplane.serverId, appVersion: '1.4.1', isReady: true }),
        );
        expect(listed).toContainEqual(
          expect.objectContaining({
            serverId: two.backplane.serverId,
            appVersion: '1.4.2',
            isReady: true,
            connections: 1,
          }),
        );
      });
    expect(one.backplane.servers.find(({ isSelf }) => !isSelf)?.connectionsByPath).toMatchObject({
      '/chat': 1,
    });
  });

  it('are reported when they join and leave, until the app shuts down', async () => {
    const one = await start('1.4.1');
    const changes = collect(one.backplane.servers$);
    const joined = next(one.backplane.servers$);
    const two = await start('1.4.2');
    const { serverId } = two.backplane;
    expect(await joined).toMatchObject({ type: 'joined', server: { serverId, appVersion: '1.4.2' } });
    await two.app.close();
    await eventually(() => expect(changes.values).toHaveLength(2));
    expect(changes.values[1]).toMatchObject({ type: 'left', reason: 'goodbye', server: { serverId } });
    expect(one.backplane.servers.map((server) => server.serverId)).toEqual([one.backplane.serverId]);
    await one.app.close();
    expect(changes.completed).toBe(true);
  });

  it('do not suffer from a listener that throws: errors$ reports it', async () => {
    const one = await start('1.4.1');
    one.backplane.servers$.subscribe(() => {
      throw new Error('the listener failed');
    });
    const error = next(one.backplane.errors$);
    await start('1.4.2');
    expect(await error).toMatchObject({
      stage: 'listener',
      message: 'A listener threw: the listener failed',
    });
  });
});

describe('the option appVersion', () => {
  it.each(['1.4.2-rc.1+build.7', 'x'.repeat(24)])('accepts %s', (appVersion) => {
    expect(resolveOptions({ appVersion }).appVersion).toBe(appVersion);
  });

  it.each(['', 'x'.repeat(25), '1.4.2 beta', 'Veröffentlichung'])('refuses "%s"', (appVersion) => {
    expect(() => resolveOptions({ appVersion })).toThrow(InvalidOptionsError);
    expect(() => resolveOptions({ appVersion })).toThrow(/1 to 24 ASCII characters without spaces/);
  });
});
