import type { BackplaneConnection, Broadcaster, InvokeAllResult, Target } from 'nestjs-redis-backplane';
import { Delivery } from 'nestjs-redis-backplane';
import { NEVER } from 'rxjs';
import { describe, expect, it } from 'vitest';

// The fakes that users write in unit tests, with nothing but the exports and without a cast. `tsc -p test` checks that.

interface OrderEvents {
  shipped: { id: string };
}

/** Records every emit, preceded by the names of its target. */
class FakeTarget implements Target<OrderEvents> {
  constructor(
    readonly emitted: unknown[][] = [],
    private readonly names: readonly string[] = [],
  ) {}

  get all() {
    return this;
  }
  get local() {
    return this;
  }
  get volatile() {
    return this;
  }
  connection(...ids: string[]) {
    return this.with(ids);
  }
  group(...names: string[]) {
    return this.with(names);
  }
  user(...ids: string[]) {
    return this.with(ids);
  }
  except() {
    return this;
  }
  exceptGroup() {
    return this;
  }
  emit(...message: unknown[]) {
    this.emitted.push([...this.names, ...message]);
    return Promise.resolve(new Delivery(1, 'accepted'));
  }
  send(...message: unknown[]) {
    return this.emit(...message);
  }
  invoke() {
    return Promise.reject(new Error('no client answers'));
  }
  invokeAll(): Promise<InvokeAllResult<never>> {
    return Promise.resolve({ responses: [], missing: { servers: [], connections: [] } });
  }
  join() {
    return Promise.resolve();
  }
  leave() {
    return Promise.resolve();
  }
  disconnect() {
    return Promise.resolve();
  }
  count(): never {
    throw new Error('the service does not count');
  }
  members(): never {
    throw new Error('the service lists nobody');
  }
  readonly presence$ = NEVER;
  explain(): never {
    throw new Error('the service does not ask why');
  }
  isOnline(): never {
    throw new Error('the service does not ask');
  }

  private with(names: readonly string[]) {
    return new FakeTarget(this.emitted, [...this.names, ...names]);
  }
}

class FakeBroadcaster extends FakeTarget implements Broadcaster<OrderEvents> {
  readonly localConnections = [];

  gateway(): never {
    throw new Error('there is one gateway');
  }
}

class OrdersService {
  constructor(private readonly broadcaster: Broadcaster<OrderEvents>) {}

  shipped(id: string, userId: string) {
    return this.broadcaster.user(userId).emit('shipped', { id });
  }
}

class ChatGateway {
  join(client: BackplaneConnection<{ name: string }>, room: string) {
    return client.join(`${room}-${client.data.name}`);
  }
}

describe('without a cast, a unit test', () => {
  it('can fake a Broadcaster with a class', async () => {
    const broadcaster = new FakeBroadcaster();

    await new OrdersService(broadcaster).shipped('o1', 'ada');

    expect(broadcaster.emitted).toEqual([['ada', 'shipped', { id: 'o1' }]]);
  });

  it('can fake a BackplaneConnection with an object', async () => {
    const groups = new Set<string>();
    const delivered = Promise.resolve(new Delivery(1, 'notNeeded'));
    const client: BackplaneConnection<{ name: string }> = {
      id: 'server.1',
      userId: 'ada',
      data: { name: 'Ada' },
      groups,
      get socket(): never {
        throw new Error('The fake has no socket.');
      },
      join: (group) => Promise.resolve(void groups.add(group)),
      leave: (group) => Promise.resolve(void groups.delete(group)),
      emit: () => delivered,
      send: () => delivered,
      invoke: () => Promise.reject(new Error('no client answers')),
      renew: () => undefined,
      close: () => undefined,
    };

    await new ChatGateway().join(client, 'a');

    expect([...groups]).toEqual(['a-Ada']);
  });
});
