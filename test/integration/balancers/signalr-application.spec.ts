import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SignalROptions } from '../../../lib/options/signalr-options.js';
import { Proxy } from '../../faults/proxy.js';
import { type BalancerName, BRING_DEADLINE_MS, bringBalancers } from '../../support/balancer.js';
import { type AcquiredRedis, acquireRedis } from '../../support/redis-server.js';
import { TestFarm, useTestFarm } from '../../support/test-farm.js';
import type { Protocol, RoomApplication } from './signalr-application.js';
import {
  balancing,
  Deployment,
  expectBack,
  expectRoom,
  idOf,
  open as openAt,
  type Server,
} from './signalr-deployment.js';

const CASES: readonly [protocol: Protocol, balancer: BalancerName][] = [
  ['JSON', 'haproxy'],
  ['MessagePack', 'nginx'],
];
const SIX = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank'];
const RESTART_TIMEOUT_MS = 40_000;

let redis: AcquiredRedis;
beforeAll(async () => {
  await bringBalancers();
  redis = await acquireRedis();
}, BRING_DEADLINE_MS);
afterAll(() => redis.stop());

describe.each(CASES)(
  'An application for ASP.NET Core SignalR with %s, on three servers behind %s',
  (protocol, name) => {
    /** Ends after all tests. */
    const shared = new TestFarm();
    const farm = useTestFarm();
    let deployment: Deployment;
    beforeAll(async () => {
      deployment = await Deployment.start(shared, name, redis.url);
    });
    afterAll(() => shared.end());

    async function proxyTo({ port }: { port: number }): Promise<Proxy> {
      const proxy = await Proxy.open(port);
      farm.onEnd(() => proxy.close());
      return proxy;
    }

    function open(user: string, target: { port: number } = deployment.balancer): Promise<RoomApplication> {
      return openAt(farm, protocol, user, target);
    }

    /** One after the other, so that the balancer puts them on three servers. */
    async function openThree(): Promise<[RoomApplication, RoomApplication, RoomApplication]> {
      return [await open('alice'), await open('bob'), await open('carol')];
    }

    /** One after the other, as {@link openThree}. */
    async function openAll(users: readonly string[], target?: { port: number }): Promise<RoomApplication[]> {
      const applications: RoomApplication[] = [];
      for (const user of users) applications.push(await open(user, target));
      return applications;
    }

    /** Opens applications until the balancer uses the server. */
    async function untilUsed(server: Server, balancer: { port: number }): Promise<void> {
      const probe = async (): Promise<string> => {
        const application = await open('probe', balancer);
        const where = await application.where();
        await application.stop();
        return where;
      };
      await expect.poll(probe).toBe(server.name);
    }

    it('negotiates with one server and connects to another', async () => {
      const users = ['noah', 'olga', 'paul'].map((user) => `${user}${protocol}`);
      const applications = await openAll(users);

      const connectedTo = await Promise.all(applications.map((application) => application.where()));
      expect(new Set(connectedTo).size).toBe(3);
      expect(users.map((user) => deployment.serverThatGot(user, 'websocket'))).toEqual(connectedTo);
      const negotiatedWith = users.map((user) => deployment.serverThatGot(user, 'negotiation'));
      expect(new Set(negotiatedWith).size).toBe(3);
      for (const [index, server] of negotiatedWith.entries()) expect(server).not.toBe(connectedTo[index]);
    });

    it('needs a token', async () => {
      await expect(open('')).rejects.toThrow("Status code '401'");
    });

    it('sends to the rooms that it has joined, until it leaves', async () => {
      const [alice, bob, carol] = await openThree();
      await Promise.all([alice.join('tea'), bob.join('tea'), carol.join('coffee')]);

      await expectRoom('tea', 'größe 🫖', [alice, bob]);
      await expectRoom('tea', 'reply', [bob, alice]);
      await bob.leave('tea');
      expect(await bob.say('tea', 'still here?')).toBe('You are not in the room tea.');
      expect(await alice.say('tea', 'bye')).toBeUndefined();
      await bob.join('tea');
      await expectRoom('tea', 'again', [alice, bob]);

      expect(bob.roomMessages.map(({ text }) => text)).toEqual(['größe 🫖', 'reply', 'again']);
      expect(carol.roomMessages).toEqual([]);
    });

    it('sends to all tabs of a user, and to all others', async () => {
      const [alice, bob, carol, sameBob] = [...(await openThree()), await open('bob')] as const;

      await alice.tell('bob', 'hello');
      await bob.announce('I am away');

      for (const tab of [bob, sameBob])
        await expect.poll(() => tab.directMessages).toEqual([{ from: 'alice', text: 'hello' }]);
      for (const other of [alice, sameBob, carol])
        await expect.poll(() => other.notices).toEqual([{ from: 'bob', text: 'I am away' }]);
      // Messages arrive in order, so by then bob would have received his own notice.
      await carol.announce('see you');
      await expect.poll(() => bob.notices).toEqual([{ from: 'carol', text: 'see you' }]);
      expect([alice.directMessages, carol.directMessages]).toEqual([[], []]);
    });

    it('reads a stream to its end, and cancels one', async () => {
      const applications = await openThree();
      await Promise.all(
        applications.map(async (application) => {
          const whole = application.count(5, 1);
          const endless = application.count(1_000_000, 1);
          await expect.poll(() => whole.isComplete).toBe(true);
          expect(whole.numbers).toEqual([0, 1, 2, 3, 4]);
          await expect.poll(() => endless.numbers.length).toBeGreaterThan(3);
          expect(await application.runningCounters()).toBe(1);
          endless.dispose();
          await expect.poll(() => application.runningCounters()).toBe(0);
          expect(application.statuses).toEqual(['connected']);
        }),
      );
    });

    it('uploads a stream', async () => {
      const [alice, bob] = await openThree();
      const readings = Array.from({ length: 500 }, (_, index) => index / 2);

      expect(await alice.upload(readings)).toBe(62_375);
      const text = 'The readings add up to 62375.';
      await expect.poll(() => bob.notices).toEqual([{ from: 'alice', text }]);
    });

    it('answers questions of others', async () => {
      const all = await openThree();
      const [alice, bob, carol] = all;

      const answers = [
        alice.ask(idOf(bob), 'May I?'),
        bob.ask(idOf(carol), 'No!'),
        carol.ask(idOf(alice), 'So?'),
      ];
      expect(await Promise.all(answers)).toEqual([true, false, true]);
      expect(all.map(({ questions }) => questions)).toEqual([['So?'], ['May I?'], ['No!']]);
      bob.answer = () => Promise.reject(new Error('not now'));
      await expect(alice.ask(idOf(bob), 'And now?')).rejects.toThrow(
        "An unexpected error occurred invoking 'Ask' on the server.",
      );
    });

    it('loses nothing when its connection to a server is cut in a burst', async () => {
      const [server] = deployment.servers;
      if (!server) throw new Error('The first server is missing.');
      const proxy = await proxyTo(server);
      const alice = await open('alice', proxy);
      const bob = await open('bob');
      await Promise.all([alice.join('news'), bob.join('news')]);
      const texts: string[] = [];

      for (let round = 1; round <= 3; round++) {
        const sent: Promise<unknown>[] = [];
        for (let number = 0; number < 100; number++) {
          const text = `${round}.${number}`;
          texts.push(text);
          sent.push(bob.say('news', text), alice.say('news', text));
          if (number === 50) proxy.cut();
          if (number % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        // A client starts a new connection if its connection is cut while it resumes.
        expect(new Set(await Promise.all(sent))).toEqual(new Set([undefined]));
      }

      for (const { roomMessages } of [alice, bob]) {
        await expect.poll(() => roomMessages.length).toBe(600);
        for (const sender of ['alice', 'bob']) {
          const own = roomMessages.filter(({ from }) => from === sender);
          expect(own.map(({ text }) => text)).toEqual(texts);
        }
      }
      expect(alice.statuses).toEqual(['connected']);
    });

    it('resumes or starts a new connection when its connection to the balancer is cut', async () => {
      const proxy = await proxyTo(deployment.balancer);
      const applications = await openAll(['alice', 'bob', 'carol', 'dave'], proxy);
      await Promise.all(applications.map((application) => application.join('tea')));

      proxy.cut();

      await Promise.all(applications.map(expectBack));
      await expectRoom('tea', 'all here', applications);
    });

    it('starts a new connection when the balancer sends it to other servers', async () => {
      const proxy = await proxyTo(deployment.balancer);
      const [alice, bob] = [await open('alice', proxy), await open('bob')];
      await Promise.all([alice.join('tea'), bob.join('tea')]);
      const [before, own] = [alice.connectionId, await deployment.serverOf(alice)];
      const [one, other] = deployment.servers.filter((server) => server !== own);
      if (!one || !other) throw new Error('Two servers are missing.');
      const elsewhere = await balancing(farm, name, [one, other, one]);

      proxy.repoint(elsewhere.port);

      await expect.poll(() => alice.statuses).toEqual(['connected', 'reconnecting', 'connected']);
      expect(alice.connectionId).not.toBe(before);
      expect(await deployment.serverOf(alice)).not.toBe(own);
      await expectRoom('tea', 'all here', [bob, alice]);
    });

    function restarts(signalr: SignalROptions | true) {
      return async (): Promise<void> => {
        const { servers, balancer } = await Deployment.start(farm, name, redis.url, signalr);
        const applications = await openAll(SIX, balancer);
        await Promise.all(applications.map((application) => application.join('tea')));

        for (const server of servers) {
          await server.terminate();
          await Promise.all(applications.map(expectBack));
          await expectRoom('tea', `without ${server.name}`, applications);
          await server.start();
          await untilUsed(server, balancer);
        }

        await expectRoom('tea', 'all restarted', applications);
        for (const { statuses } of applications)
          expect(statuses.slice(0, 3)).toEqual(['connected', 'reconnecting', 'connected']);
      };
    }

    it(
      'comes back and rejoins its rooms after each server was restarted',
      restarts({ statefulReconnect: false }),
      RESTART_TIMEOUT_MS,
    );

    // The close message of a shutdown makes a client with stateful reconnect open a WebSocket to another server before it
    // starts a new connection. It never uses that WebSocket, and loses its new connection when the other server closes it.
    it(
      'comes back and rejoins its rooms after each server was restarted, with stateful reconnect',
      restarts({ handshakeTimeout: 2000 }),
      RESTART_TIMEOUT_MS,
    );

    it('comes back and rejoins its rooms after its server was killed', async () => {
      const applications = await openAll(SIX);
      await Promise.all(applications.map((application) => application.join('tea')));
      const [first] = applications;
      if (!first) throw new Error('The first application is missing.');

      await (await deployment.serverOf(first)).kill();

      await expect.poll(() => first.statuses).toEqual(['connected', 'reconnecting', 'connected']);
      await Promise.all(applications.map(expectBack));
      await expectRoom('tea', 'all here', applications);
      await Promise.all(applications.map((application) => application.stop()));
      expect(applications.map(({ status }) => status)).toEqual(applications.map(() => 'closed'));
    });
  },
);
