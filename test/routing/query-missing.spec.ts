import { describe, expect, it } from 'vitest';
import { Deferred } from '../../lib/bus/deferred.js';
import { Capability } from '../../lib/protocol/capabilities.js';
import { encodeRecord } from '../../lib/protocol/envelope.js';
import { encodeMembersPart } from '../../lib/protocol/member-records.js';
import { RecordKind } from '../../lib/protocol/record-kind.js';
import {
  counted,
  EVERYONE,
  OTHER_ID,
  queryReply,
  TIMEOUT_MS,
  useQueryingServer,
} from '../support/querying-server.js';
import { PEER_ID } from '../support/routing-server.js';

const q = useQueryingServer();

describe('missing', () => {
  it('names a server that stays silent until the timeout, and leaves no timer behind', async () => {
    await q().knows(PEER_ID);
    const timers = q().clock.timerCount;
    const { number, done } = await q().count();
    await q().pass(TIMEOUT_MS, PEER_ID);
    expect(await done).toEqual({ connections: 0, users: 0, missing: [PEER_ID] });
    expect(q().clock.timerCount).toBe(timers);
    // The query is forgotten: nobody reads late replies to it.
    q().replies(number, { body: Buffer.from([0x80]) });
    expect(q().malformedReplies).toBe(0);
  });

  it('names a server that dies meanwhile, without waiting for the timeout', async () => {
    await q().knows(PEER_ID, OTHER_ID);
    const { number, done } = await q().count();
    q().replies(number, { body: counted(1) }, OTHER_ID);
    await q().pass(4250, OTHER_ID);
    expect(await done).toEqual({ connections: 1, users: 0, missing: [PEER_ID] });
  });

  it('does not name a server that seemed dead and answers all the same', async () => {
    await q().knows(PEER_ID, OTHER_ID);
    const { number, done } = await q().count();
    await q().pass(4250, OTHER_ID);
    q().replies(number, { body: counted(5) });
    q().replies(number, { body: counted(1) }, OTHER_ID);
    expect(await done).toEqual({ connections: 6, users: 0, missing: [] });
  });

  it('names a server of an older release at once', async () => {
    q().beat(PEER_ID, Capability.Connections);
    await q().pass(1250);
    const { done } = await q().count();
    expect(await done).toEqual({ connections: 0, users: 0, missing: [PEER_ID] });
  });

  it('names a server of an older release at once, too, if the target is one of its connections', async () => {
    q().beat(PEER_ID, Capability.Connections);
    await q().pass(1250);
    const targets = [{ kind: 'connection' as const, name: `${PEER_ID}.AAAAAAAAAAA` }];
    const { done } = await q().count({ ...EVERYONE, targets });
    expect(await done).toEqual({ connections: 0, users: 0, missing: [PEER_ID] });
  });

  it('does not name a server without connections', async () => {
    q().beat(PEER_ID, 0);
    await q().pass(1250);
    expect(await (await q().count()).done).toEqual({ connections: 0, users: 0, missing: [] });
  });

  it('names a server that replies that it is unable', async () => {
    await q().knows(PEER_ID);
    const { number, done } = await q().count();
    q().replies(number, { state: 'unable', body: Buffer.alloc(0) });
    expect(await done).toEqual({ connections: 0, users: 0, missing: [PEER_ID] });
    expect(q().errors).toEqual([]);
  });

  it.each<[string, (number: number) => Buffer]>([
    ['an unreadable number', () => encodeRecord(RecordKind.QueryReply, Buffer.alloc(9, 0xff))],
    ['nothing', () => encodeRecord(RecordKind.QueryReply, Buffer.alloc(0))],
    ['an unknown state', (number) => encodeRecord(RecordKind.QueryReply, Buffer.from([number, 9, 1, 0]))],
    [
      'a part that is cut off',
      (number) => encodeRecord(RecordKind.QueryReply, Buffer.from([number, 1, 1, 0, 5])),
    ],
    [
      'more user ids than bytes',
      (number) => encodeRecord(RecordKind.QueryReply, Buffer.from([number, 1, 1, 0, 5, 0x7f])),
    ],
  ])('names a server whose reply is garbage at once: %s', async (_, garbage) => {
    await q().knows(PEER_ID);
    const { number, done } = await q().count();
    q().server.hears(garbage(number));
    expect(await done).toEqual({ connections: 0, users: 0, missing: [PEER_ID] });
    expect(q().malformedReplies).toBe(1);
    expect(q().errors).toMatchObject([
      { stage: 'decode', message: expect.stringContaining(PEER_ID) as string },
    ]);
  });

  it('does not name a server whose valid reply follows its garbage', async () => {
    await q().knows(PEER_ID, OTHER_ID);
    const { number, done } = await q().count();
    q().server.hears(
      encodeRecord(RecordKind.QueryReply, Buffer.alloc(9, 0xff)),
      queryReply(number, { body: counted(1) }),
    );
    q().replies(number, {}, OTHER_ID);
    expect(await done).toEqual({ connections: 1, users: 0, missing: [] });
  });

  it('names a server that lists a member with data that is not JSON', async () => {
    await q().knows(PEER_ID);
    const { number, done } = await q().list(10);
    const rows = [{ id: 'AAAAAAAAAAA', userId: '', data: '{' }];
    q().replies(number, { body: encodeMembersPart({ hasMore: false, rows }) });
    expect(await done).toEqual({ members: [], missing: [PEER_ID], truncated: false });
    expect(q().malformedReplies).toBe(1);
  });

  it('names all known servers with connections at once while Redis is down', async () => {
    q().server.client();
    q().beat('MonitorOnly-', 0);
    await q().knows(PEER_ID, OTHER_ID);
    q().redisGoesDown();
    const result = await (await q().count()).done;
    expect(result).toMatchObject({ connections: 1, users: 0 });
    expect(new Set(result.missing)).toEqual(new Set([PEER_ID, OTHER_ID]));
  });

  it('names the known servers if Redis takes the query and never answers', async () => {
    await q().knows(PEER_ID);
    const held = new Deferred();
    q().server.transport.held = held;
    const { done } = await q().count();
    await q().pass(TIMEOUT_MS, PEER_ID);
    expect(await done).toEqual({ connections: 0, users: 0, missing: [PEER_ID] });
    held.resolve();
  });

  it('names the known servers if it is unknown whether Redis took the query, and they do not answer', async () => {
    await q().knows(PEER_ID);
    q().server.transport.refuses = () => new Error('the link broke');
    const { done } = await q().count();
    q().server.transport.refuses = () => undefined;
    await q().pass(TIMEOUT_MS, PEER_ID);
    expect(await done).toEqual({ connections: 0, users: 0, missing: [PEER_ID] });
  });

  it('is empty if the repetition reaches a server that the first query may have missed', async () => {
    await q().knows(PEER_ID);
    q().server.transport.refuses = () => new Error('the link broke');
    const first = q().queries.count(EVERYONE);
    await q().server.flushed();
    q().server.transport.refuses = () => undefined;
    await q().pass(1000, PEER_ID);
    const { number, done } = await q().started(first);
    q().replies(number, { body: counted(4) });
    expect(await done).toEqual({ connections: 4, users: 0, missing: [] });
  });

  it('names the known servers while this one is deaf', async () => {
    await q().knows(PEER_ID);
    q().server.transport.says.down('subscriber', new Error('the link is gone'));
    const { done } = await q().count();
    for (let passed = 0; passed < TIMEOUT_MS; passed += 250) {
      q().clock.advance(250);
      await q().server.flushed();
    }
    expect(await done).toEqual({ connections: 0, users: 0, missing: [PEER_ID] });
  });
});
