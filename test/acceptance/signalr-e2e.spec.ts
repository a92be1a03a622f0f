import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FarmProcess } from '../servers/farm-process.js';
import { openClient, startAcceptanceProcess } from '../support/acceptance-process.js';
import { useRedis } from '../support/acceptance.js';
import type { CodecClient, CodecName } from '../support/codec-client.js';
import { TestFarm, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const redis = useRedis();

/** Two processes shared by all tests. Each test uses its own group and user names. */
const processes = new TestFarm();
let near: FarmProcess;
let far: FarmProcess;

beforeAll(async () => {
  const prefix = randomUUID();
  const start = (): Promise<FarmProcess> => startAcceptanceProcess(processes, redis.url, prefix);
  [near, far] = await Promise.all([start(), start()]);
});
afterAll(() => processes.end());

/** Waits until everything that the senders emitted before has arrived at the clients. */
async function settled(senders: CodecClient[], clients: CodecClient[]): Promise<void> {
  for (const sender of senders) {
    const mark = randomUUID();
    sender.send({ event: 'tell-all', data: mark });
    await Promise.all(clients.map((client) => client.message(({ data }) => data === mark)));
  }
}

const told = (client: CodecClient, about: string): unknown[] =>
  client.dataOf('told').filter((data) => String(data).startsWith(about));

const join = (client: CodecClient, group: string): Promise<unknown> => client.ask('join', group, group);

describe.each<CodecName>(['json', 'msgpack'])(
  'Two server processes with clients of the protocol %s',
  (codec) => {
    const open = (server: FarmProcess, user?: string): Promise<CodecClient> =>
      openClient(farm, server, codec, user);

    it('[S-e2e-1] a client sends a request and receives the reply', async () => {
      const client = await open(near);
      expect(await client.ask('echo', { text: 'grüße', list: [1, 2.5, null] }, 1)).toEqual({
        id: 1,
        data: { text: 'grüße', list: [1, 2.5, null] },
      });
    });

    it('[S-e2e-2] members of a group on both servers receive a message to the group', async () => {
      const clients = [await open(near), await open(far)] as const;
      const group = randomUUID();
      await Promise.all(clients.map((client) => join(client, group)));
      clients[0].send({ event: 'tell-group', data: { group, data: group } });
      for (const client of clients) await client.message(({ data }) => data === group);
    });

    it('[S-e2e-3] all connections of a user on both servers receive a message to the user', async () => {
      const user = randomUUID();
      const clients = [await open(near, user), await open(far, user), await open(far, user)];
      const stranger = await open(near, `${user}2`);
      stranger.send({ event: 'tell-user', data: { user, data: user } });
      await settled([stranger], [...clients, stranger]);
      expect([...clients, stranger].map((client) => told(client, user).length)).toEqual([1, 1, 1, 0]);
    });

    it('[S-e2e-4] a user still receives messages after one of its connections has closed', async () => {
      const user = randomUUID();
      const [goes, stays] = [await open(near, user), await open(near, user)];
      const elsewhere = await open(far, user);
      await goes.close();
      for (const sender of [elsewhere, stays])
        sender.send({ event: 'tell-user', data: { user, data: `${user} ${sender === stays}` } });
      await settled([elsewhere, stays], [elsewhere, stays]);
      for (const client of [stays, elsewhere])
        expect(told(client, user).map(String).toSorted()).toEqual([`${user} false`, `${user} true`]);
    });

    it('[S-e2e-5] a group name that looks like a pattern matches only itself', async () => {
      const group = randomUUID();
      const [inStar, inOther] = [await open(near), await open(far)];
      await join(inStar, `${group}*`);
      await join(inOther, `${group}1`);
      for (const name of [`${group}*`, `${group}1`])
        inStar.send({ event: 'tell-group', data: { group: name, data: `${group} to ${name}` } });
      await settled([inStar], [inStar, inOther]);
      expect(told(inStar, group)).toEqual([`${group} to ${group}*`]);
      expect(told(inOther, group)).toEqual([`${group} to ${group}1`]);
    });

    it('[S-e2e-6] a user id that looks like a pattern matches only itself', async () => {
      const user = randomUUID();
      const [star, other] = [await open(near, `${user}*`), await open(far, `${user}1`)];
      for (const id of [`${user}*`, `${user}1`])
        other.send({ event: 'tell-user', data: { user: id, data: `${user} to ${id}` } });
      await settled([other], [star, other]);
      expect(told(star, user)).toEqual([`${user} to ${user}*`]);
      expect(told(other, user)).toEqual([`${user} to ${user}1`]);
    });
  },
);
