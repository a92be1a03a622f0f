import { describe, expect, it } from 'vitest';
import {
  ClientResultError,
  ConnectionClosedError,
  ConnectionNotFoundError,
  InvokeCanceledError,
} from '../../lib/routing/request.errors.js';
import {
  answer,
  answerWithError,
  connectMember,
  disconnected,
  type Member,
  rejection,
  userOfQuery,
  useRedis,
} from '../support/acceptance.js';
import type { ChatServer } from '../support/chat-app.js';
import { delivered, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const redis = useRedis();

async function serverWithTwo(): Promise<[server: ChatServer, one: Member, two: Member]> {
  const server = await farm.server({ ...farm.options(redis.url), authenticate: userOfQuery });
  return [server, await connectMember(farm, server), await connectMember(farm, server)];
}

describe('One server', () => {
  it('[S-base-1] an emit to all reaches every connection, with its event and data', async () => {
    const [server, one, two] = await serverWithTwo();
    await server.broadcaster.emit('hello', { text: 'world' });
    for (const { client } of [one, two])
      expect(await client.next('hello')).toEqual({ event: 'hello', data: { text: 'world' } });
  });

  it('[S-base-2] an emit to all is not written to a closed connection', async () => {
    const [server, one, two] = await serverWithTwo();
    await disconnected(two);
    expect(await server.broadcaster.emit('hello')).toMatchObject({ local: 1 });
    await one.client.next('hello');
    expect(two.client.dataOf('hello')).toEqual([]);
  });

  it('[S-base-3] an emit to a group reaches only its member', async () => {
    const [server, one, two] = await serverWithTwo();
    await one.connection.join('group');
    await server.broadcaster.group('group').emit('hello', 1);
    await delivered(server, one.client, two.client);
    expect([one.client.dataOf('hello'), two.client.dataOf('hello')]).toEqual([[1], []]);
  });

  it('[S-base-4] an emit to a group except a member does not reach that member', async () => {
    const [server, one, two] = await serverWithTwo();
    await Promise.all([one.connection.join('group'), two.connection.join('group')]);
    await server.broadcaster.group('group').except(two.id).emit('hello', 1);
    await delivered(server, one.client, two.client);
    expect([one.client.dataOf('hello'), two.client.dataOf('hello')]).toEqual([[1], []]);
  });

  it('[S-base-5] an emit to a connection reaches only that connection', async () => {
    const [server, one, two] = await serverWithTwo();
    await server.broadcaster.connection(one.id).emit('hello', 1);
    await delivered(server, one.client, two.client);
    expect([one.client.dataOf('hello'), two.client.dataOf('hello')]).toEqual([[1], []]);
  });

  it('[S-base-6] an invoke sends a request with an id and resolves with the client’s reply', async () => {
    const [server, one] = await serverWithTwo();
    const result = server.broadcaster.connection(one.id).invoke('question', 'text');

    const question = await one.client.next('question');
    expect(question).toEqual({ event: 'question', data: 'text', id: expect.any(String) as string });
    answer(one.client, question, 10);

    expect(await result).toBe(10);
  });

  it('[S-base-7] an invoke rejects with the error in the client’s reply', async () => {
    const [server, one] = await serverWithTwo();
    const result = server.broadcaster.connection(one.id).invoke('question');
    answerWithError(one.client, await one.client.next('question'), 'Error from client');
    const error = await rejection(result, ClientResultError);
    expect(error).toMatchObject({ connectionId: one.id, error: 'Error from client' });
    expect(error.message).toContain('Error from client');
  });

  it('[S-base-8] a client that replies for another one gets an exception, and the right client can still reply', async () => {
    const [server, one, two] = await serverWithTwo();
    const result = server.broadcaster.connection(one.id).invoke('question');
    const question = await one.client.next('question');

    answer(two.client, question, 'forged');
    const refusal = (await two.client.next('exception')).data as { message: string };
    expect(refusal.message).toContain(two.id);
    expect(refusal.message).toContain(String(question.id));

    answer(one.client, question, 'right');
    expect(await result).toBe('right');
  });

  it('[S-base-9] an invoke of an id without a connection rejects', async () => {
    const [server] = await serverWithTwo();
    const id = `${server.backplane.serverId}.nobodynobody`;
    const error = await rejection(
      server.broadcaster.connection(id).invoke('question'),
      ConnectionNotFoundError,
    );
    expect(error.connectionIds).toEqual([id]);
  });

  it('[S-base-10] an error of one pending invoke does not affect another one', async () => {
    const [server, one, two] = await serverWithTwo();
    const first = server.broadcaster.connection(one.id).invoke('question');
    const second = server.broadcaster.connection(two.id).invoke('question');
    const questions = [await one.client.next('question'), await two.client.next('question')] as const;
    expect(questions[0].id).not.toBe(questions[1].id);

    answerWithError(one.client, questions[0], 'no');
    await rejection(first, ClientResultError);
    answer(two.client, questions[1], 'yes');

    expect(await second).toBe('yes');
  });

  it('[S-base-11] an invoke rejects if its client disconnects without a reply', async () => {
    const [server, one] = await serverWithTwo();
    const result = rejection(server.broadcaster.connection(one.id).invoke('question'), ConnectionClosedError);
    await one.client.next('question');
    one.client.socket.terminate();
    expect((await result).connectionId).toBe(one.id);
  });

  it('[S-base-12] an invoke can be canceled, and its late reply is ignored', async () => {
    const [server, one] = await serverWithTwo();
    const controller = new AbortController();
    const result = rejection(
      server.broadcaster.connection(one.id).invoke('question', undefined, { signal: controller.signal }),
      InvokeCanceledError,
    );
    const question = await one.client.next('question');

    controller.abort('enough');
    expect((await result).cause).toBe('enough');

    answer(one.client, question, 'late');
    one.client.send('id');
    await one.client.next('id');
    expect(one.client.dataOf('exception')).toEqual([]);
  });
});
