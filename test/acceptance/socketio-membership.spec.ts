import { beforeEach, describe, expect, it } from 'vitest';
import { connectMember, type Member, serverPair, useRedis } from '../support/acceptance.js';
import type { ChatServer } from '../support/chat-app.js';
import { delivered, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const redis = useRedis();

let near: ChatServer;
let far: ChatServer;
/** Two clients on one server, one on the other. */
let members: [one: Member, two: Member, three: Member];

beforeEach(async () => {
  [near, far] = await serverPair(farm, redis.url);
  members = [
    await connectMember(farm, near),
    await connectMember(farm, near),
    await connectMember(farm, far),
  ];
});

/** Which members receive an emit to the group right now, from either server. */
async function reachedIn(group: string): Promise<boolean[]> {
  const clients = members.map(({ client }) => client);
  await near.broadcaster.group(group).emit(`near to ${group}`);
  await far.broadcaster.group(group).emit(`far to ${group}`);
  await delivered(near, ...clients);
  await delivered(far, ...clients);
  return clients.map((client) => {
    const both = [client.dataOf(`near to ${group}`).length, client.dataOf(`far to ${group}`).length];
    expect(both).toEqual([both[0], both[0]]);
    return both[0] === 1;
  });
}

const joinDirectly = async (group: string, ...joining: Member[]): Promise<void> => {
  await Promise.all(joining.map(({ connection }) => connection.join(group)));
};

describe('Join on a target', () => {
  it('[IO-12] makes all connections of all servers join', async () => {
    await near.broadcaster.join('room1');
    expect(await reachedIn('room1')).toEqual([true, true, true]);
  });

  it('[IO-13] makes only the matching connections join: in one group and not in another', async () => {
    const [one, two, three] = members;
    await joinDirectly('room1', one, three);
    await joinDirectly('room2', two, three);
    await near.broadcaster.group('room1').exceptGroup('room2').join('room3');
    expect(await reachedIn('room3')).toEqual([true, false, false]);
  });

  it('[IO-14] makes the connection with this id join', async () => {
    const [, , three] = members;
    await near.broadcaster.connection(three.id).join('room3');
    expect(await reachedIn('room3')).toEqual([false, false, true]);
  });
});

describe('Leave on a target', () => {
  it('[IO-15] makes all connections of all servers leave', async () => {
    await joinDirectly('room1', ...members);
    await near.broadcaster.leave('room1');
    expect(await reachedIn('room1')).toEqual([false, false, false]);
  });

  it('[IO-16] makes only the matching connections leave: in one group and not in another', async () => {
    const [one, two, three] = members;
    await joinDirectly('room1', one, three);
    await joinDirectly('room2', two, three);
    await near.broadcaster.group('room1').exceptGroup('room2').leave('room1');
    expect(await reachedIn('room1')).toEqual([false, false, true]);
  });

  it('[IO-17] makes the connection with this id leave', async () => {
    const [, , three] = members;
    await joinDirectly('room1', ...members);
    await near.broadcaster.connection(three.id).leave('room1');
    expect(await reachedIn('room1')).toEqual([true, true, false]);
  });
});

describe('Disconnect on a target', () => {
  it('[IO-18] closes all connections of all servers after earlier emits have reached them', async () => {
    void near.broadcaster.emit('bye', 1);
    await near.broadcaster.disconnect(4001, 'over');
    for (const { client } of members) {
      expect(await client.closed).toEqual({ code: 4001, reason: 'over' });
      expect(client.dataOf('bye')).toEqual([1]);
    }
  });
});
