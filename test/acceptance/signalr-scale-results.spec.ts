import { describe, expect, it } from 'vitest';
import {
  ClientResultError,
  ConnectionClosedError,
  ConnectionNotFoundError,
  InvalidResultError,
} from '../../lib/routing/request.errors.js';
import {
  answer,
  answerWithError,
  connectMember,
  rejection,
  serverPair,
  useRedis,
} from '../support/acceptance.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const redis = useRedis();

const numberOnly = (data: unknown): number => {
  if (typeof data !== 'number') throw new TypeError(`${JSON.stringify(data)} is not a number`);
  return data;
};

async function pairWithFar() {
  const [near, far] = await serverPair(farm, redis.url);
  return { near, far, atFar: await connectMember(farm, far) };
}

describe('An invoke from another server', () => {
  it('[S-scale-17] resolves with the reply that the client sends to its own server', async () => {
    const { near, atFar } = await pairWithFar();
    const result = near.broadcaster.connection(atFar.id).invoke('question', { text: 'ü' });
    const question = await atFar.client.next('question');
    expect(question.data).toEqual({ text: 'ü' });
    answer(atFar.client, question, { sum: 10 });
    expect(await result).toEqual({ sum: 10 });
  });

  it('[S-scale-18] rejects with the error in the client’s reply', async () => {
    const { near, atFar } = await pairWithFar();
    const result = near.broadcaster.connection(atFar.id).invoke('question');
    answerWithError(atFar.client, await atFar.client.next('question'), 'Error from client');
    const error = await rejection(result, ClientResultError);
    expect(error).toMatchObject({ connectionId: atFar.id, error: 'Error from client' });
  });

  it('[S-scale-19] fails fast for an id without a connection, while others are connected', async () => {
    const { near, far } = await pairWithFar();
    await connectMember(farm, near);
    const id = `${far.backplane.serverId}.nobodynobody`;
    const error = await rejection(
      near.broadcaster.connection(id).invoke('question'),
      ConnectionNotFoundError,
    );
    expect(error.connectionIds).toEqual([id]);
  });

  it('[S-scale-20] rejects if the client disconnects, with the same error as a local invoke', async () => {
    const { near, atFar } = await pairWithFar();
    const result = near.broadcaster.connection(atFar.id).invoke('question');
    await atFar.client.next('question');
    atFar.client.socket.terminate();
    // SignalR gives a different error here than on one server.
    expect((await rejection(result, ConnectionClosedError)).connectionId).toBe(atFar.id);
  });

  it('[S-scale-21] and one from its own server have different ids, and each gets its own reply', async () => {
    const { near, far, atFar } = await pairWithFar();
    const ofNear = near.broadcaster.connection(atFar.id).invoke('question', 'near');
    const ofFar = far.broadcaster.connection(atFar.id).invoke('question', 'far');
    const questions = [await atFar.client.next('question'), await atFar.client.next('question')];
    expect(new Set(questions.map(({ id }) => id)).size).toBe(2);

    for (const question of questions) answer(atFar.client, question, question.data === 'near' ? 2 : 5);

    expect(await Promise.all([ofNear, ofFar])).toEqual([2, 5]);
  });

  it('[S-scale-22] rejects without any connections, whatever the id looks like', async () => {
    const [near] = await serverPair(farm, redis.url);
    // An id of an unknown server fails once the view of the farm is two heartbeats old, not after the timeout.
    for (const id of ['1234', `${near.backplane.serverId}.nobodynobody`, 'nosuchserver.nobodynobody']) {
      const error = await rejection(
        near.broadcaster.connection(id).invoke('question'),
        ConnectionNotFoundError,
      );
      expect(error.message).toContain(id);
    }
  });

  it('[S-scale-23] rejects if `parse` throws for the reply, and resolves if it does not', async () => {
    const { near, atFar } = await pairWithFar();
    const ask = async (data: unknown): Promise<number> => {
      const result = near.broadcaster
        .connection(atFar.id)
        .invoke('question', undefined, { parse: numberOnly });
      result.catch(() => undefined);
      answer(atFar.client, await atFar.client.next('question'), data);
      return result;
    };

    const error = await rejection(ask('ten'), InvalidResultError);

    expect(error).toMatchObject({ connectionId: atFar.id, cause: expect.any(TypeError) as unknown });
    expect(await ask(10)).toBe(10);
  });
});
