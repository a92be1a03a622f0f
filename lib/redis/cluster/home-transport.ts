import type { RedisOptions } from 'ioredis';
import type { ConnectionPlan } from '../../options/connection-plan.js';
import { OwnRedisClients } from '../redis-clients.js';
import { RedisTransport } from '../redis-transport.js';
import type { Transport, TransportEvents } from '../../bus/transport.js';
import { Home } from './home.js';
import { nodeConnector } from './node-connector.js';
import { Topology } from './topology.js';

/**
 * Classic pub/sub on a cluster: the two links of {@link RedisTransport}, both to the home node. When the home moves
 * (after a failover or a slot migration), both links follow.
 */
export class HomeTransport implements Transport {
  private readonly home: Home;
  private readonly links: RedisTransport;

  constructor({ nodes, redis }: ConnectionPlan, prefix: string, name: string, pattern: string) {
    this.home = new Home(new Topology(nodes, redis, name), prefix);
    const options: RedisOptions = { ...redis, Connector: nodeConnector(() => this.home.locate(), redis) };
    this.links = new RedisTransport(new OwnRedisClients(options, name), pattern);
  }

  open(events: TransportEvents): Promise<void> {
    this.home.watch({
      moved: (since) => {
        events.moved(since);
        this.reset(new Error('the home node of the cluster has moved'));
      },
      refused: (cause) => events.problem(cause),
    });
    return this.links.open(events);
  }

  publish(channel: string, bytes: Buffer): Promise<void> {
    return this.links.publish(channel, bytes);
  }

  subscribe(channels: readonly string[]): Promise<void> {
    return this.links.subscribe(channels);
  }

  unsubscribe(channels: readonly string[]): Promise<void> {
    return this.links.unsubscribe(channels);
  }

  reset(cause: Error): void {
    this.links.reset(cause);
  }

  async close(): Promise<void> {
    this.home.close();
    await this.links.close();
  }
}
