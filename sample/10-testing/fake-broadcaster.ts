import { type Broadcaster, Delivery, type InvokeAllResult } from 'nestjs-redis-backplane';

/** Takes the place of Redis and all clients in a unit test. Notes what is emitted: the names of its target, the event, the data. */
export class FakeBroadcaster implements Broadcaster {
  readonly localConnections = [];

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
  gateway() {
    return this;
  }
  connection(...ids: string[]) {
    return this.to(ids);
  }
  group(...names: string[]) {
    return this.to(names);
  }
  user(...ids: string[]) {
    return this.to(ids);
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
  invoke() {
    return Promise.reject(new Error('There is no client that could reply.'));
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

  private to(names: readonly string[]) {
    return new FakeBroadcaster(this.emitted, [...this.names, ...names]);
  }
}
