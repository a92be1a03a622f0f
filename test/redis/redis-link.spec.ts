import { EventEmitter } from 'node:events';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Deferred } from '../../lib/bus/deferred.js';
import { RedisLink } from '../../lib/redis/redis-link.js';
import { settled } from '../support/fake-transport.js';

const [A, B] = ['10.0.0.1:6379', '10.0.0.2:6379'];

/** What the link uses of an ioredis client. */
class FakeClient extends EventEmitter {
  status = 'wait';
  stream = this.socketTo(A);

  connect = vi.fn(() => Promise.resolve());

  /** Connects to a node, as far as `ready`. */
  reaches(node: string): void {
    this.stream = this.socketTo(node);
    this.emit('connecting');
    this.emit('connect');
    this.status = 'ready';
    this.emit('ready');
  }

  private socketTo(node: string) {
    const [remoteAddress, port] = node.split(':');
    const destroy = vi.fn(() => {
      this.status = 'reconnecting';
      this.emit('close');
      this.emit('reconnecting', 50);
    });
    const socket = { remoteAddress, remotePort: Number(port), destroy, writable: true };
    return Object.assign(new EventEmitter(), socket);
  }
}

let client: FakeClient;
let link: RedisLink;
const events = {
  up: vi.fn(),
  down: vi.fn(),
  retrying: vi.fn(),
  moved: vi.fn(),
  problem: vi.fn(),
  message: vi.fn(),
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  vi.clearAllMocks();
  client = new FakeClient();
  link = new RedisLink('publisher', client as unknown as Redis, events, () => false);
});
afterEach(() => vi.useRealTimers());

describe('a failover', () => {
  it('makes a link to the old master leave, once, however many sentinels tell of it', () => {
    client.reaches(A);
    for (let sentinel = 0; sentinel < 3; sentinel++) link.leave({ from: A, to: B });
    expect(events.down).toHaveBeenCalledTimes(1);
    client.reaches(B);
    link.leave({ from: A, to: B });
    expect(events.down).toHaveBeenCalledTimes(1);
  });

  it('makes it leave again at the second one, and the third, back and forth', () => {
    client.reaches(A);
    for (let times = 1; times <= 3; times++) {
      const [from, to] = times % 2 === 1 ? [A, B] : [B, A];
      link.leave({ from, to });
      expect(events.down).toHaveBeenCalledTimes(times);
      client.reaches(to);
      link.leave({ from, to });
      expect(events.down).toHaveBeenCalledTimes(times);
    }
  });

  it('makes a link behind an address translation leave once for each', () => {
    client.reaches('192.0.2.1:1');
    link.leave({ from: A, to: B });
    client.reaches('192.0.2.1:1');
    link.leave({ from: A, to: B });
    expect(events.down).toHaveBeenCalledTimes(1);
    for (let sentinel = 0; sentinel < 2; sentinel++) {
      link.leave({ from: B, to: A });
      expect(events.down).toHaveBeenCalledTimes(2);
      client.reaches('192.0.2.1:1');
    }
    link.leave({ from: A, to: B });
    expect(events.down).toHaveBeenCalledTimes(3);
  });
});

describe('a link that is lost again and again', () => {
  it('tells each loss once, and counts attempts anew after each success', () => {
    for (let outage = 1; outage <= 2; outage++) {
      client.reaches(A);
      for (let attempt = 1; attempt <= 3; attempt++) client.stream.destroy();
      expect(events.up).toHaveBeenCalledTimes(outage);
      expect(events.down).toHaveBeenCalledTimes(outage);
      expect(events.retrying.mock.calls.slice(-3).map(([, attempt]) => attempt as number)).toEqual([1, 2, 3]);
    }
  });

  it('tells the cause of this loss, not of the one before', () => {
    client.reaches(A);
    link.drop(new Error('the first'));
    client.reaches(A);
    client.stream.destroy();
    expect(events.down.mock.calls.map(([, cause]) => (cause as Error).message)).toEqual([
      'the first',
      'the connection was closed by Redis or the network',
    ]);
  });

  it('leaves no timer of a handshake, whether it succeeds or fails', () => {
    client.reaches(A);
    expect(vi.getTimerCount()).toBe(0);
    client.emit('connect');
    expect(vi.getTimerCount()).toBe(1);
    client.stream.destroy();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a link that is let go', () => {
  it('leaves no listener and no timer at its client, at whatever moment', () => {
    client.emit('connecting');
    client.emit('connect');
    link.detach();
    expect([client.eventNames(), client.stream.eventNames()]).toEqual([[], []]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is not connected again by a client that has ended for want of a server', () => {
    client.emit('connecting');
    client.emit('end');
    expect(vi.getTimerCount()).toBe(1);
    link.end();
    vi.runAllTimers();
    expect(client.connect).not.toHaveBeenCalled();
    client.emit('connecting');
    client.emit('end');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is connected again by such a client as often as that happens, until then', () => {
    for (let times = 1; times <= 3; times++) {
      client.emit('connecting');
      client.emit('end');
      vi.runAllTimers();
      expect(client.connect).toHaveBeenCalledTimes(times);
    }
  });
});

describe('a link that asks which Redis process it leads to', () => {
  /** What Redis answers, one after the other, when the test says. */
  let answers: Deferred<string | undefined>[];

  beforeEach(() => {
    answers = [];
    link.detach();
    const identify = (): Promise<string | undefined> => {
      const answer = new Deferred<string | undefined>();
      answers.push(answer);
      return answer.promise;
    };
    link = new RedisLink('publisher', client as unknown as Redis, events, () => false, identify);
  });

  it('is up once it knows, and names the process beside the address', async () => {
    client.reaches(A);
    expect([events.up.mock.calls, link.isUp]).toEqual([[], false]);
    answers[0]?.resolve('run1');
    await settled();
    expect([events.up.mock.calls, link.isUp]).toEqual([[['publisher', `${A} run1`]], true]);
  });

  it('is up with the address alone where Redis does not tell', async () => {
    client.reaches(A);
    answers[0]?.resolve(undefined);
    await settled();
    expect(events.up.mock.calls).toEqual([['publisher', A]]);
  });

  it('that is lost before the answer was never up, and a late answer says nothing of the next one', async () => {
    client.reaches(A);
    client.stream.destroy();
    client.reaches(B);
    answers[0]?.resolve('run1');
    await settled();
    expect([events.up.mock.calls, events.down.mock.calls]).toEqual([[], []]);
    answers[1]?.resolve('run2');
    await settled();
    expect(events.up.mock.calls).toEqual([['publisher', `${B} run2`]]);
  });

  it('that gets no answer is dropped, as in a handshake', () => {
    client.reaches(A);
    vi.advanceTimersByTime(1000);
    expect(client.stream.destroy).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('that is closed meanwhile is not up, and leaves no timer', async () => {
    client.reaches(A);
    link.end();
    answers[0]?.resolve('run1');
    await settled();
    link.detach();
    expect([events.up.mock.calls, vi.getTimerCount()]).toEqual([[], 0]);
  });
});
