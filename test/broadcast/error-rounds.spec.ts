import { Subject } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { oncePerTurn } from '../../lib/broadcast/once-per-turn.js';
import { next } from '../support/observe.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { turn, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();

describe('a listener on errors$ that emits while Redis is down', () => {
  let redis: RedisServer;
  beforeEach(async () => {
    redis = await startRedis();
    farm.onEnd(() => redis.stop());
  });

  it('gets one round per turn of the event loop, which goes on', async () => {
    const server = await farm.server(farm.options(redis.url));
    await redis.kill();
    await next(server.backplane.status$, ({ state }) => state === 'reconnecting');
    let rounds = 0;
    const subscription = server.backplane.errors$.subscribe(() => {
      rounds++;
      void server.broadcaster.emit('again');
    });
    void server.broadcaster.emit('first');
    for (let turns = 0; turns < 50; turns++) await turn();
    subscription.unsubscribe();
    expect(rounds).toBeGreaterThan(5);
    expect(rounds).toBeLessThan(120);
  });

  it('and emits twice gets a bounded number in each of them', async () => {
    const server = await farm.server(farm.options(redis.url));
    await redis.kill();
    await next(server.backplane.status$, ({ state }) => state === 'reconnecting');
    let most = 0;
    let inTurn = 0;
    const subscription = server.backplane.errors$.subscribe(() => {
      if (inTurn++ === 0) setImmediate(() => ((most = Math.max(most, inTurn)), (inTurn = 0)));
      for (const again of [1, 2]) void server.broadcaster.emit(`${again}`);
    });
    void server.broadcaster.emit('first');
    for (let turns = 0; turns < 30; turns++) await turn();
    subscription.unsubscribe();
    expect(most).toBeGreaterThan(100);
    expect(most).toBeLessThan(3000);
  });
});

describe('values that are handed on once per turn', () => {
  it('keep their order, and at most 1,000 come; the others are counted', async () => {
    const source = new Subject<number>();
    const seen: number[] = [];
    oncePerTurn(source, (count) => -count).subscribe((value) => seen.push(value));
    for (let value = 0; value < 1500; value++) source.next(value);
    expect(seen).toEqual([]);
    await turn();
    expect(seen).toEqual([...Array(1000).keys(), -500]);
  });

  it('come before the end when the source completes, and not after an unsubscribe', async () => {
    const source = new Subject<number>();
    const [seen, unseen]: [number[], number[]] = [[], []];
    oncePerTurn(source, (count) => -count).subscribe({
      next: (value) => seen.push(value),
      complete: () => seen.push(Infinity),
    });
    oncePerTurn(source, (count) => -count)
      .subscribe((value) => unseen.push(value))
      .unsubscribe();
    source.next(1);
    source.complete();
    expect(seen).toEqual([1, Infinity]);
    await turn();
    expect([seen, unseen]).toEqual([[1, Infinity], []]);
  });
});
