import { EventEmitter } from 'node:events';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Deferred } from '../../lib/bus/deferred.js';
import { RedisLink } from '../../lib/redis/redis-link.js';
import { settled } from '../support/fake-transport.js';

const [A, B] = ['10.0.0.1:6379', '10.0.0.2:6379'];

/** The part of an ioredis client that the link uses. */
class FakeClient extends EventEmitter {
  status = 'wait';
  stream = this.socketTo(A);

  connect = vi.fn(() => Promise.resolve());

  /** Emits what ioredis emits when it connects to the node and becomes ready. */
  connectTo(node: string): void {
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
  it('drops a link to the old master once, however many sentinels report it', () => {
    client.connectTo(A);
    for (let sentinel = 0; sentinel < 3; sentinel++) link.followFailover({ from: A, to: B });
    expect(events.down).toHaveBeenCalledTimes(1);
    client.connectTo(B);
    link.followFailover({ from: A, to: B });
    expect(events.down).toHaveBeenCalledTimes(1);
  });

  it('drops the link again at every later failover, back and forth', () => {
    client.connectTo(A);
    for (let times = 1; times <= 3; times++) {
      const [from, to] = times % 2 === 1 ? [A, B] : [B, A];
      link.followFailover({ from, to });
      expect(events.down).toHaveBeenCalledTimes(times);
      client.connectTo(to);
      link.followFailover({ from, to });
      expect(events.down).toHaveBeenCalledTimes(times);
    }
  });

  it('drops a link behind address translation (NAT) once per failover', () => {
    client.connectTo('192.0.2.1:1');
    link.followFailover({ from: A, to: B });
    client.connectTo('192.0.2.1:1');
    link.followFailover({ from: A, to: B });
    expect(events.down).toHaveBeenCalledTimes(1);
    for (let sentinel = 0; sentinel < 2; sentinel++) {
      link.followFailover({ from: B, to: A });
      expect(events.down).toHaveBeenCalledTimes(2);
      client.connectTo('192.0.2.1:1');
    }
    link.followFailover({ from: A, to: B });
    expect(events.down).toHaveBeenCalledTimes(3);
  });
});

describe('a link that goes down repeatedly', () => {
  it('reports each outage once, and restarts the attempt count after each success', () => {
    for (let outage = 1; outage <= 2; outage++) {
      client.connectTo(A);
      for (let attempt = 1; attempt <= 3; attempt++) client.stream.destroy();
      expect(events.up).toHaveBeenCalledTimes(outage);
      expect(events.down).toHaveBeenCalledTimes(outage);
      expect(events.retrying.mock.calls.slice(-3).map(([, attempt]) => attempt as number)).toEqual([1, 2, 3]);
    }
  });

  it('reports the cause of this outage, not of the one before', () => {
    client.connectTo(A);
    link.drop(new Error('the first'));
    client.connectTo(A);
    client.stream.destroy();
    expect(events.down.mock.calls.map(([, cause]) => (cause as Error).message)).toEqual([
      'the first',
      'Redis or the network closed the connection',
    ]);
  });

  it('leaves no handshake timer behind, whether the handshake succeeds or fails', () => {
    client.connectTo(A);
    expect(vi.getTimerCount()).toBe(0);
    client.emit('connect');
    expect(vi.getTimerCount()).toBe(1);
    client.stream.destroy();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a link that is closed', () => {
  it('leaves no listener and no timer behind, even in the middle of a handshake', () => {
    client.emit('connecting');
    client.emit('connect');
    link.detach();
    expect([client.eventNames(), client.stream.eventNames()]).toEqual([[], []]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not restart a client that ended because it found no Redis node', () => {
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

  it('restarts such a client as often as it ends before that', () => {
    for (let times = 1; times <= 3; times++) {
      client.emit('connecting');
      client.emit('end');
      vi.runAllTimers();
      expect(client.connect).toHaveBeenCalledTimes(times);
    }
  });
});

describe('a link that asks for the id of the Redis process', () => {
  /** The answers of Redis, in order. The test resolves them. */
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

  it('is up once it has the answer, and reports the id after the address', async () => {
    client.connectTo(A);
    expect([events.up.mock.calls, link.isUp]).toEqual([[], false]);
    answers[0]?.resolve('run1');
    await settled();
    expect([events.up.mock.calls, link.isUp]).toEqual([[['publisher', `${A} run1`]], true]);
  });

  it('is up with the address alone if Redis does not tell the id', async () => {
    client.connectTo(A);
    answers[0]?.resolve(undefined);
    await settled();
    expect(events.up.mock.calls).toEqual([['publisher', A]]);
  });

  it('was never up if it was lost before the answer, and a late answer does not count for the next connection', async () => {
    client.connectTo(A);
    client.stream.destroy();
    client.connectTo(B);
    answers[0]?.resolve('run1');
    await settled();
    expect([events.up.mock.calls, events.down.mock.calls]).toEqual([[], []]);
    answers[1]?.resolve('run2');
    await settled();
    expect(events.up.mock.calls).toEqual([['publisher', `${B} run2`]]);
  });

  it('is dropped like a failed handshake if no answer comes within a second', () => {
    client.connectTo(A);
    vi.advanceTimersByTime(1000);
    expect(client.stream.destroy).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not come up if it is closed before the answer, and leaves no timer behind', async () => {
    client.connectTo(A);
    link.end();
    answers[0]?.resolve('run1');
    await settled();
    link.detach();
    expect([events.up.mock.calls, vi.getTimerCount()]).toEqual([[], 0]);
  });
});
