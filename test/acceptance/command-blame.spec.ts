import { beforeEach, describe, expect, it } from 'vitest';
import { ConnectionNotFoundError } from '../../lib/routing/request.errors.js';
import {
  connectMember,
  disconnected,
  type Member,
  rejection,
  serverPair,
  useRedis,
} from '../support/acceptance.js';
import type { ChatServer } from '../support/chat-app.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const redis = useRedis();
let near: ChatServer;
let own: Member;
let far: Member;

beforeEach(async () => {
  const [first, second] = await serverPair(farm, redis.url);
  near = first;
  own = await connectMember(farm, near);
  far = await connectMember(farm, second);
});

describe('A command to connections by id', () => {
  it('closes a local and a remote connection and reports neither as missing', async () => {
    await near.broadcaster.connection(own.id, far.id).disconnect(4000);
    expect([await own.client.closed, await far.client.closed]).toEqual([
      { code: 4000, reason: '' },
      { code: 4000, reason: '' },
    ]);
  });

  it('does not report a connection as missing that closes by itself while the command is in flight', async () => {
    const joined = near.broadcaster.connection(own.id, far.id).join('g');
    const gone = disconnected(own);
    await joined;
    await gone;
    expect([...far.connection.groups]).toEqual(['g']);
  });

  it('reports exactly the connections that did not exist when it began', async () => {
    await disconnected(own);
    const error = await rejection(
      near.broadcaster.connection(own.id, far.id, 'nowhere').disconnect(4000),
      ConnectionNotFoundError,
    );
    expect([...error.connectionIds].sort()).toEqual([own.id, 'nowhere'].sort());
    expect(await far.client.closed).toMatchObject({ code: 4000 });
  });
});
