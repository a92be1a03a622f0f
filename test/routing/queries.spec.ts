import { describe, expect, it } from 'vitest';
import { encodeMembersPart, encodeOnlinePart } from '../../lib/protocol/member-records.js';
import { RecordKind } from '../../lib/protocol/record-kind.js';
import type { Member, MemberCount } from '../../lib/routing/members.js';
import { BackplaneClosedError, RepliesMissingError } from '../../lib/routing/request.errors.js';
import { NotPublishedError } from '../../lib/routing/routing.errors.js';
import { counted, EVERYONE, OTHER_ID, useQueryingServer } from '../support/querying-server.js';
import { PATH, PEER_ID } from '../support/routing-server.js';

const q = useQueryingServer();

describe('a query', () => {
  it('adds up the answers of this server and of all others', async () => {
    q().server.client('ann');
    await q().knows(PEER_ID, OTHER_ID);
    const { number, done } = await q().count();
    q().replies(number, { body: counted(2, 'ann', 'bob') });
    q().replies(number, { body: counted(3) }, OTHER_ID);
    expect(await done).toEqual({ connections: 6, users: 2, missing: [] });
  });

  it('is published once for equal calls of a turn, and counts what joined between them', async () => {
    await q().knows(PEER_ID);
    const first = q().count();
    q().server.client();
    const second = q().queries.count(EVERYONE);
    const { number, done } = await first;
    expect(q().server.sent(RecordKind.Query)).toHaveLength(1);
    q().replies(number, { body: counted(1) });
    expect(await done).toEqual({ connections: 2, users: 0, missing: [] });
    expect(await second).toEqual({ connections: 2, users: 0, missing: [] });
  });

  it('is published again for a call of a later turn', async () => {
    await q().knows(PEER_ID);
    const [one, two] = [await q().count(), await q().count()];
    expect(two.number).not.toBe(one.number);
    for (const { number } of [one, two]) q().replies(number, { body: counted(1) });
    expect(await one.done).toEqual(await two.done);
  });

  it('is not merged with one of another address or limit', async () => {
    await q().knows(PEER_ID);
    const { queries } = q();
    const group = { ...EVERYONE, targets: [{ kind: 'group' as const, name: 'g' }] };
    const all = [
      queries.count(EVERYONE),
      queries.count(group),
      queries.members(EVERYONE, 1),
      queries.members(EVERYONE, 2),
    ];
    for (const one of all) one.catch(() => undefined);
    await q().server.flushed();
    expect(q().server.sent(RecordKind.Query)).toHaveLength(4);
  });

  it('needs Redis only if another server may hold connections of the target', async () => {
    const { connection } = q().server.client('ann');
    q().server.down();
    const own = { ...EVERYONE, targets: [{ kind: 'connection' as const, name: connection.id }] };
    expect(await q().queries.count(own)).toEqual({ connections: 1, users: 1, missing: [] });
    expect(q().server.sent(RecordKind.Query)).toEqual([]);
  });
});

describe('a query rejects', () => {
  it('while Redis is down and this server knows no other one', async () => {
    q().redisGoesDown();
    await expect(q().queries.count(EVERYONE)).rejects.toThrow(NotPublishedError);
  });

  it('when this server shuts down, and later ones too', async () => {
    await q().knows(PEER_ID);
    const { done } = await q().count();
    q().server.router.close();
    await expect(done).rejects.toThrow(BackplaneClosedError);
    await expect(q().queries.count(EVERYONE)).rejects.toThrow(NotPublishedError);
  });

  it('if a user is not found, and a live server did not answer', async () => {
    await q().knows(PEER_ID, OTHER_ID);
    const { number, done } = await q().started(q().queries.online(PATH, ['ann', 'bob']));
    q().replies(number, { body: encodeOnlinePart(['ann', 'somebody else']) }, OTHER_ID);
    q().replies(number, { state: 'unable' });
    await expect(done).rejects.toThrow(RepliesMissingError);
  });
});

describe('isOnline', () => {
  it('resolves as soon as all users are found', async () => {
    q().server.client('ann');
    await q().knows(PEER_ID, OTHER_ID);
    const { number, done } = await q().started(q().queries.online(PATH, ['ann', 'bob']));
    q().replies(number, { body: encodeOnlinePart(['bob']) });
    expect(await done).toEqual(new Set(['ann', 'bob']));
  });

  it('asks nobody about users of this server', async () => {
    q().server.client('ann');
    await q().knows(PEER_ID);
    expect(await q().queries.online(PATH, ['ann'])).toEqual(new Set(['ann']));
    expect(q().server.sent(RecordKind.Query)).toEqual([]);
  });
});

describe('a list', () => {
  it('has at most limit members of all servers, and says whether there are more', async () => {
    for (let index = 0; index < 2; index++) q().server.client();
    await q().knows(PEER_ID);
    const rows = ['AAAAAAAAAAA', 'BBBBBBBBBBB'].map((id) => ({ id, userId: 'ann', data: '1' }));
    const part = encodeMembersPart({ hasMore: false, rows });
    const lists = [await q().list(3), await q().list(4)];
    for (const { number } of lists) q().replies(number, { body: part });
    const [three, four] = await Promise.all(lists.map(({ done }) => done));
    expect(three).toMatchObject({ truncated: true, missing: [] });
    expect(three?.members).toHaveLength(3);
    expect(four).toMatchObject({ truncated: false, missing: [] });
    const remote = four?.members.filter(({ serverId }) => serverId === PEER_ID);
    expect(remote).toEqual<Member[]>([
      { id: `${PEER_ID}.AAAAAAAAAAA`, userId: 'ann', serverId: PEER_ID, data: 1 },
      { id: `${PEER_ID}.BBBBBBBBBBB`, userId: 'ann', serverId: PEER_ID, data: 1 },
    ]);
    expect(four?.members.filter(({ serverId }) => serverId === q().server.bus.serverId)).toHaveLength(2);
  });
});

it('a query of a farm of one server answers for that server', async () => {
  q().server.client('ann');
  await q().pass(1250);
  const result: MemberCount = await q().queries.count(EVERYONE);
  expect(result).toEqual({ connections: 1, users: 1, missing: [] });
});
