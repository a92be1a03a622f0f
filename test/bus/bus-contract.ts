import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RedisBackplaneOptions } from '../../lib/options/redis-backplane-options.js';
import { encodeEnvelope } from '../../lib/protocol/envelope.js';
import { BusFarm, type Lanes, TEST_KIND, record } from '../support/bus-farm.js';
import { bitFlipped, ofVersion } from '../support/envelopes.js';
import { collect } from '../support/observe.js';
import { describeBusLifecycle } from './bus-lifecycle-contract.js';

/** A bus implementation for the contract. */
export interface BusForm {
  readonly options: RedisBackplaneOptions;
  /** Whether messages take several pipes, so that order is promised per channel only. */
  readonly lanes?: Lanes;
  /** Publishes raw bytes, as any other client with the permission can. */
  publishForeign(channel: string, bytes: Buffer): Promise<unknown>;
  close(): Promise<void>;
}

const texts = (count: number): string[] => Array.from({ length: count }, (_, index) => `${index}`);

/** The contract that every implementation of the bus must fulfil. */
export function describeBus(name: string, open: () => Promise<BusForm>): void {
  describe(`the bus ${name}`, () => {
    let form: BusForm;
    let farm: BusFarm;
    let channel: string;

    beforeAll(async () => {
      form = await open();
    });
    afterAll(() => form.close());
    beforeEach(() => {
      farm = new BusFarm(form.options, undefined, form.lanes);
      channel = farm.channels.target('/chat', { kind: 'group', name: randomUUID() });
    });
    afterEach(() => farm.close());

    describeBusLifecycle(
      () => new BusFarm(form.options, undefined, form.lanes),
      () => form.lanes?.('').length ?? 1,
    );

    /** The messages received on several channels, in order if order is promised across channels. */
    const inPromisedOrder = (heard: readonly string[]): string[] =>
      form.lanes ? [...heard].sort((a, b) => Number(a) - Number(b)) : [...heard];

    describe('messages', () => {
      it('from another server are received in order, exactly once, with origin, kind and body', async () => {
        const [a, b] = await farm.pair();
        await b.bus.want(channel);
        for (const text of texts(500)) void a.publish(channel, text);
        for (const text of texts(500)) await a.publish(channel, text);
        expect(await b.heardFrom(a)).toEqual([...texts(500), ...texts(500)]);
        expect(b.heard[0]).toEqual({ origin: a.bus.serverId, kind: TEST_KIND, text: '0' });
      });

      it('keep their order across channels, or at least on each channel', async () => {
        const [a, b] = await farm.pair();
        const channels = texts(7).map((index) => `${channel}:${index}`);
        await Promise.all(channels.map((each) => b.bus.want(each)));
        const sent = texts(700);
        await Promise.all(sent.map((text, index) => a.publish(channels[index % 7] ?? channel, text)));
        const heard = await b.heardFrom(a);
        expect(inPromisedOrder(heard)).toEqual(sent);
        for (const lane of channels.keys()) {
          const ofLane = (texts: string[]): string[] => texts.filter((text) => Number(text) % 7 === lane);
          expect(ofLane(heard)).toEqual(ofLane(sent));
        }
      });

      it('from the server itself are not received', async () => {
        const [a, b] = await farm.pair();
        await a.bus.want(channel);
        await a.publish(channel, 'own');
        await b.publish(channel, "another's");
        expect(await a.heardFrom(b)).toEqual(["another's"]);
      });

      it('on several wanted channels are received once, and the copies are counted', async () => {
        const [a, b] = await farm.pair();
        const channels = [`${channel}:1`, `${channel}:2`, `${channel}:3`];
        await Promise.all(channels.map((each) => b.bus.want(each)));
        await a.bus.publish(channels, record('once'));
        expect(await b.heardFrom(a)).toEqual(['once']);
        expect(b.bus.counters.duplicates).toBe(2);
      });

      it('in one tick for the same channel share a publish', async () => {
        const [a, b] = await farm.pair();
        await b.bus.want(channel);
        const before = a.bus.counters.published;
        const published = texts(10).map((text) => a.publish(channel, text));
        // The bus publishes at the end of this tick.
        await new Promise((resolve) => process.nextTick(resolve));
        expect(a.bus.counters.published).toBe(before + 1);
        await Promise.all(published);
        expect(await b.heardFrom(a)).toEqual(texts(10));
      });

      it('are counted by envelope at the receiver', async () => {
        const [a, b] = await farm.pair();
        await b.bus.want(channel);
        const before = b.bus.counters.received;
        await Promise.all([
          a.publish(channel, '1'),
          a.publish(`${channel}:unheard`, ''),
          a.publish(channel, '2'),
        ]);
        expect(await b.heardFrom(a)).toEqual(['1', '2']);
        expect(b.bus.counters.received).toBeGreaterThanOrEqual(before + 3);
        expect(b.bus.counters).toMatchObject({ duplicates: 0, malformed: 0, unknownVersion: 0 });
      });

      it('of another prefix are never received, not even those of a longer one', async () => {
        const other = new BusFarm(form.options, `${farm.prefix}:more`, form.lanes);
        try {
          const [a, b] = await farm.pair();
          const [x, y] = await other.pair();
          const target = { kind: 'all', name: '' } as const;
          for (const server of [a, b]) await server.bus.want(farm.channels.target('/chat', target));
          for (const server of [x, y]) await server.bus.want(other.channels.target('/chat', target));
          await a.publish(farm.channels.target('/chat', target), 'short');
          await x.publish(other.channels.target('/chat', target), 'long');
          expect(await b.heardFrom(a)).toEqual(['short']);
          expect(await y.heardFrom(x)).toEqual(['long']);
          expect([...a.bus.peers.alive]).toEqual([b.bus.serverId]);
          expect([...x.bus.peers.alive]).toEqual([y.bus.serverId]);
        } finally {
          await other.close();
        }
      });
    });

    describe('a channel', () => {
      it('is heard as soon as want() resolves, 1,000 times', async () => {
        const [a, b] = await farm.pair();
        for (const text of texts(1000)) {
          await b.bus.want(`${channel}:${text}`);
          void a.publish(`${channel}:${text}`, text);
        }
        expect(inPromisedOrder(await b.heardFrom(a))).toEqual(texts(1000));
      });

      it('is heard if 1,000 are wanted at once', async () => {
        const [a, b] = await farm.pair();
        await Promise.all(texts(1000).map((text) => b.bus.want(`${channel}:${text}`)));
        await Promise.all(texts(1000).map((text) => a.publish(`${channel}:${text}`, text)));
        expect(inPromisedOrder(await b.heardFrom(a))).toEqual(texts(1000));
      });

      it('is no longer heard once it is unwanted', async () => {
        const [a, b] = await farm.pair();
        await b.bus.want(channel);
        await a.publish(channel, 'wanted');
        expect(await b.heardFrom(a)).toEqual(['wanted']);
        b.bus.unwant(channel);
        await b.wishesGranted();
        await a.publish(channel, 'unwanted');
        expect(await b.heardFrom(a)).toEqual(['wanted']);
      });

      it('ends as the last call of want or unwant decides, however fast they change', async () => {
        const [a, b] = await farm.pair();
        const [wanted, unwanted] = [`${channel}:wanted`, `${channel}:unwanted`];
        await b.bus.want(unwanted);
        for (let run = 0; run < 50; run++) {
          void b.bus.want(wanted);
          b.bus.unwant(wanted);
          b.bus.unwant(unwanted);
          void b.bus.want(unwanted);
          if (run % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        b.bus.unwant(unwanted);
        await b.bus.want(wanted);
        await b.wishesGranted();
        await a.publish(unwanted, 'unwanted');
        await a.publish(wanted, 'wanted');
        expect(await b.heardFrom(a)).toEqual(['wanted']);
      });

      it('with a name like a pattern matches only that name', async () => {
        const [a, b] = await farm.pair();
        const group = (name: string) => farm.channels.target('/chat', { kind: 'group', name });
        for (const name of ['*', '?', '[ab]']) await b.bus.want(group(name));
        for (const name of ['a', 'room', '*', '?', '[ab]', '**']) await a.publish(group(name), name);
        expect(await b.heardFrom(a)).toEqual(['*', '?', '[ab]']);
      });
    });

    it('drops, counts and reports foreign, malformed and other-version messages, and continues', async () => {
      const [a, b] = await farm.pair();
      await b.bus.want(channel);
      const errors = collect(b.bus.errors$);
      const losses = collect(b.bus.loss$);
      const sentAt = performance.now();
      const envelope = encodeEnvelope('AbCdEfGhIj-_', 1, [record('forged')]);
      const foreign = [
        Buffer.alloc(0),
        Buffer.from('{"event":"x"}'),
        bitFlipped(envelope, 100),
        envelope.subarray(9),
      ];
      for (const bytes of [...foreign, ofVersion(envelope, 2)]) await form.publishForeign(channel, bytes);
      await form.publishForeign(farm.channels.servers, Buffer.from('garbage'));
      await a.publish(channel, 'later');
      expect(await b.heardFrom(a)).toEqual(['later']);
      expect(b.bus.counters).toMatchObject({ malformed: foreign.length + 1, unknownVersion: 1 });
      expect(errors.values.map(({ stage }) => stage)).toEqual(Array(foreign.length + 2).fill('decode'));
      expect(errors.values.map(({ message }) => message)).toContainEqual(
        expect.stringContaining('version 2'),
      );
      // Malformed bytes are not messages of this app. An envelope of another version is, and it was missed.
      expect(losses.values).toMatchObject([{ certainty: 'known' }]);
      for (const { channels, from, to } of losses.values) {
        expect(channels === 'all' || channels.includes(channel)).toBe(true);
        expect(from).toBeLessThanOrEqual(sentAt);
        expect(to).toBeGreaterThanOrEqual(sentAt);
      }
      expect(b.bus.status.state).toBe('ready');
    });
  });
}
