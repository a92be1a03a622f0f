import { describe, expect, it } from 'vitest';
import {
  decodeMembersPart,
  encodeCountQuery,
  encodeMembersQuery,
} from '../../lib/protocol/member-records.js';
import { decodeQuery, QueryKind } from '../../lib/protocol/query-record.js';
import { RecordKind } from '../../lib/protocol/record-kind.js';
import { MAX_PARTS } from '../../lib/routing/pending-query.js';
import { counted, EVERYONE, OTHER_ID, TIMEOUT_MS, useQueryingServer } from '../support/querying-server.js';
import { PEER_ID } from '../support/routing-server.js';

const q = useQueryingServer();

describe('an answer in several parts', () => {
  it('is complete with its last part', async () => {
    await q().knows(PEER_ID);
    const { number, done } = await q().count();
    q().replies(number, { state: 'more', body: counted(2000) });
    q().replies(number, { state: 'more', index: 1, body: counted(2000) });
    q().replies(number, { index: 2, body: counted(7) });
    expect(await done).toEqual({ connections: 4007, users: 0, missing: [] });
  });

  it('counts each part once, even if parts and whole answers arrive twice', async () => {
    await q().knows(PEER_ID, OTHER_ID);
    const { number, done } = await q().count();
    for (let copy = 0; copy < 2; copy++) {
      q().replies(number, { state: 'more', body: counted(10) });
      q().replies(number, { index: 1, body: counted(1) });
    }
    q().replies(number, { answer: 2, body: counted(500) });
    q().replies(number, {}, OTHER_ID);
    expect((await done).connections).toBe(11);
  });

  it.each([
    ['a lost part', [0, 2]],
    ['parts in the wrong order', [1, 0, 2]],
    ['a lost first part', [1, 2]],
  ])('with %s is ignored, and the repetition of the query brings a new one', async (_, indexes) => {
    await q().knows(PEER_ID);
    const { number, done } = await q().count();
    for (const index of indexes)
      q().replies(number, { state: index === 2 ? 'last' : 'more', index, body: counted(100) });
    await q().pass(1000, PEER_ID);
    expect(
      q()
        .server.sent(RecordKind.Query)
        .map(({ body }) => decodeQuery(body).number),
    ).toEqual([number, number]);
    q().replies(number, { state: 'more', answer: 2, body: counted(1) });
    q().replies(number, { answer: 2, index: 1, body: counted(2) });
    expect(await done).toEqual({ connections: 3, users: 0, missing: [] });
  });

  it('ignores parts of an older answer once a newer one has begun', async () => {
    await q().knows(PEER_ID);
    const { number, done } = await q().count();
    q().replies(number, { state: 'more', answer: 1, body: counted(100) });
    q().replies(number, { state: 'more', answer: 2, body: counted(1) });
    q().replies(number, { answer: 1, index: 1, body: counted(100) });
    q().replies(number, { answer: 2, index: 1, body: counted(2) });
    expect((await done).connections).toBe(3);
  });

  it('without a last part ends with the timeout, and none of its parts counts', async () => {
    await q().knows(PEER_ID);
    const { number, done } = await q().count();
    for (let index = 0; index < 5; index++) q().replies(number, { state: 'more', index, body: counted(9) });
    await q().pass(TIMEOUT_MS, PEER_ID);
    expect(await done).toEqual({ connections: 0, users: 0, missing: [PEER_ID] });
  });

  it('with endless parts counts as malformed', async () => {
    await q().knows(PEER_ID);
    const { number, done } = await q().count();
    for (let index = 0; index <= MAX_PARTS; index++)
      q().replies(number, { state: 'more', index, body: counted(1) });
    expect(await done).toEqual({ connections: 0, users: 0, missing: [PEER_ID] });
    expect(q().malformedReplies).toBe(1);
  });
});

describe('an answer to a query of another server', () => {
  it('lists the members in parts, in separate turns of the event loop', async () => {
    for (let index = 0; index < 1001; index++) q().server.client();
    q().asked(1, QueryKind.Members, encodeMembersQuery({ address: EVERYONE, limit: 1000 }));
    for (let round = 0; round < 3; round++) await q().server.flushed();
    const parts = q().answers;
    expect(parts.map(({ state, index }) => [state, index])).toEqual([
      ['more', 0],
      ['last', 1],
    ]);
    expect(parts.map(({ body }) => decodeMembersPart(body).rows.length)).toEqual([500, 500]);
    expect(parts.map(({ body }) => decodeMembersPart(body).hasMore)).toEqual([true, true]);
  });

  it('is given once while the same query is repeated, and again, with a higher number, afterwards', async () => {
    for (let index = 0; index < 2001; index++) q().server.client();
    const query = encodeCountQuery(EVERYONE);
    q().asked(7, QueryKind.Count, query);
    q().asked(7, QueryKind.Count, query);
    await q().server.flushed();
    await q().server.flushed();
    q().asked(7, QueryKind.Count, query);
    await q().server.flushed();
    await q().server.flushed();
    const parts = q().answers.map(({ number, state, index }) => [number, state, index]);
    const once = [
      [7, 'more', 0],
      [7, 'last', 1],
    ];
    expect(parts).toEqual([...once, ...once]);
    const answers = q().answers.map(({ answer }) => answer);
    expect(answers[2]).toBeGreaterThan(answers[0] ?? 0);
  });

  it('says that this server is unable to answer an unknown kind, without reporting an error', async () => {
    q().asked(3, 99, Buffer.alloc(0));
    await q().server.flushed();
    expect(q().answers).toMatchObject([{ number: 3, state: 'unable' }]);
    expect(q().errors).toEqual([]);
  });

  it('says that this server is unable to answer a malformed query, and reports it', async () => {
    q().asked(3, QueryKind.Count, Buffer.from([0xff]));
    await q().server.flushed();
    expect(q().answers).toMatchObject([{ number: 3, state: 'unable' }]);
    expect(q().errors).toMatchObject([{ stage: 'deliver' }]);
  });

  it('knows nobody on a path that this server does not have', async () => {
    q().server.client();
    q().asked(4, QueryKind.Count, encodeCountQuery({ ...EVERYONE, path: '/other' }));
    await q().server.flushed();
    expect(q().answers).toMatchObject([{ state: 'last', body: counted(0) }]);
  });
});
