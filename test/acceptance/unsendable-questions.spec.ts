import { beforeEach, describe, expect, it } from 'vitest';
import { UnsendableDataError } from '../../lib/protocol/unsendable-data.error.js';
import { MessageTooLargeError } from '../../lib/routing/routing.errors.js';
import { connectMember, type Member, rejection, serverPair, useRedis } from '../support/acceptance.js';
import type { ChatServer } from '../support/chat-app.js';
import { delivered, turn, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const redis = useRedis();

const circular: Record<string, unknown> = {};
circular.self = circular;

let near: ChatServer;
let members: Member[];

beforeEach(async () => {
  const [first, far] = await serverPair(farm, redis.url);
  near = first;
  members = [await connectMember(farm, near), await connectMember(farm, far)];
});

/** Checks that no client got a request and that no error was left uncaught, which would have crashed the server. */
async function expectNobodyAsked(escaped: unknown[]): Promise<void> {
  await turn();
  await delivered(near, ...members.map(({ client }) => client));
  expect(escaped).toEqual([]);
  expect(members.map(({ client }) => client.dataOf('question').length)).toEqual([0, 0]);
}

describe('A request that cannot be sent', () => {
  it.each([
    ['circular', circular],
    ['a bigint', 1n],
  ])('because its data is %s rejects with UnsendableDataError, nothing else', async (_what, data) => {
    const escaped = farm.escapes();
    await rejection(near.broadcaster.invokeAll('question', data), UnsendableDataError);
    for (const { id } of members)
      await rejection(near.broadcaster.connection(id).invoke('question', data), UnsendableDataError);
    await expectNobodyAsked(escaped);
  });

  it('because it is too large rejects with a MessageTooLargeError and reaches no client', async () => {
    const escaped = farm.escapes();
    const data = 'x'.repeat(1024 * 1024);
    await rejection(near.broadcaster.invokeAll('question', data), MessageTooLargeError);
    const ids = members.map(({ id }) => id);
    await rejection(near.broadcaster.connection(...ids).invokeAll('question', data), MessageTooLargeError);
    await expectNobodyAsked(escaped);
  });
});
