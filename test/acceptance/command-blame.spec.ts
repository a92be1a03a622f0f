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

describe('a command that names connections', () => {
  it('closes an own one and one of another server, and reports neither as missing', async () => {
    await near.broadcaster.connection(own.id, far.id).disconnect(4000);
    expect([await own.client.closed, await far.client.closed]).toEqual([
      { code: 4000, reason: '' },
      { code: 4000, reason: '' },
    ]);
  });

  it('does not report one as missing that closes by itself while the other servers are asked', async () => {
    const joined = near.broadcaster.connection(own.id, far.id).join('g');
    const gone = disconnected(own);
    await joined;
    await gone;
    expect([...far.connection.groups]).toEqual(['g']);
  });

  it('reports exactly those that were not there when it began', async () => {
    await disconnected(own);
    const error = await rejection(
      near.broadcaster.connection(own.id, far.id, 'nowhere').disconnect(4000),
      ConnectionNotFoundError,
    );
    expect([...error.connectionIds].sort()).toEqual([own.id, 'nowhere'].sort());
    expect(await far.client.closed).toMatchObject({ code: 4000 });
  });
});
