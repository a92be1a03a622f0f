import { randomUUID } from 'node:crypto';
import { mergeMap } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { allPartitions, partitionOf } from '../../lib/bus/sharded/partition.js';
import { ShardedBus } from '../../lib/bus/sharded/sharded-bus.js';
import { MemoryNetwork } from '../../lib/bus/memory-network.js';
import type { MemoryTransport } from '../../lib/bus/memory-transport.js';
import { ServerBus } from '../../lib/bus/server-bus.js';
import { ChannelNames } from '../../lib/protocol/channel-names.js';
import { newConnectionId, newServerId } from '../../lib/protocol/connection-id.js';
import { plainDialect } from '../../lib/protocol/dialect.js';
import { jsonProtocol } from '../../lib/protocol/json-protocol.js';
import { MessageFrames } from '../../lib/protocol/message-frames.js';
import { ALL, type TargetRef } from '../../lib/protocol/target.js';
import { Addressing, channelsOfServers, MAX_CHANNELS } from '../../lib/routing/addressing.js';
import type { Delivery } from '../../lib/routing/delivery.js';
import { LocalConnection } from '../../lib/routing/local-connection.js';
import { Router } from '../../lib/routing/router.js';
import { next } from '../support/observe.js';

const PATH = '/chat';
const SELF = newServerId();
const channels = new ChannelNames('app');

const groups = (count: number): TargetRef[] =>
  Array.from({ length: count }, (_, index) => ({ kind: 'group', name: `g${index}` }));
const connections = (ids: readonly string[]): TargetRef[] =>
  ids.map((name) => ({ kind: 'connection', name }));
const channelsFor = (targets: readonly TargetRef[]): readonly string[] =>
  new Addressing(SELF, channels, { members: () => undefined }).channelsOf({
    path: PATH,
    targets,
    excluded: [],
  });

describe('the channels of a message', () => {
  it('are those of its targets, without duplicates, up to the limit', () => {
    expect(channelsFor(groups(MAX_CHANNELS))).toHaveLength(MAX_CHANNELS);
    expect(channelsFor([...groups(MAX_CHANNELS), ...groups(MAX_CHANNELS)])).toHaveLength(MAX_CHANNELS);
    expect(channelsFor(groups(MAX_CHANNELS + 1))).toEqual(['app:servers']);
  });

  it('count the servers that hold connections, not the connections, and not this server', () => {
    const server = newServerId();
    const onOne = Array.from({ length: 1000 }, () => newConnectionId(server));
    const own = Array.from({ length: 1000 }, () => newConnectionId(SELF));
    const onMany = Array.from({ length: MAX_CHANNELS }, () => newConnectionId(newServerId()));
    expect(channelsFor(connections([...onOne, ...own]))).toEqual([`app:server:${server}`]);
    expect(channelsFor(connections(own))).toEqual([]);
    expect(channelsFor(connections([...onMany, ...own]))).toHaveLength(MAX_CHANNELS);
    expect(channelsFor(connections([...onMany, ...onOne]))).toEqual(['app:servers']);
  });

  it('are the broadcast channel if `all` is among the targets, however many there are', () => {
    expect(channelsFor([...groups(1000), ALL])).toEqual(['app:/chat:all']);
  });

  it('are none without targets', () => {
    expect(channelsFor([])).toEqual([]);
  });

  it('of a repeated command are those of the servers that have not replied, up to the limit', () => {
    const servers = Array.from({ length: MAX_CHANNELS + 1 }, () => newServerId());
    expect(channelsOfServers(servers.slice(1), channels)).toHaveLength(MAX_CHANNELS);
    expect(channelsOfServers(servers, channels)).toEqual(['app:servers']);
  });
});

/** Routing over a sharded bus, with memory instead of Redis. */
class ShardedServer {
  readonly serverId = newServerId();
  /** What each client has received. */
  readonly received: unknown[][] = [];
  readonly channels: ChannelNames;
  readonly bus: ShardedBus;
  readonly router: Router;

  private readonly transports: MemoryTransport[] = [];

  constructor(prefix: string) {
    this.channels = new ChannelNames(prefix);
    const shards = allPartitions(prefix).map((partition, index) => {
      const transport = MemoryNetwork.get(`${prefix}${index}`).transport();
      this.transports.push(transport);
      const bus = new ServerBus(this.serverId, partition.names, transport, { publishTimeoutMs: 5000 });
      return { partition, bus };
    });
    this.bus = new ShardedBus(this.serverId, this.channels, shards);
    this.router = new Router(this.bus, this.channels, {
      protocols: [jsonProtocol],
      outage: { policy: 'reject' },
      commandTimeoutMs: 5000,
      maxMessageBytes: 2 ** 20,
      unsubscribeDelayMs: 1000,
    });
    this.router.roster.open(PATH);
  }

  async start(): Promise<this> {
    await this.bus.start((origin, kind, body) => this.router.receive(origin, kind, body));
    expect(await this.bus.whenReady(10_000)).toBe(true);
    return this;
  }

  async close(): Promise<void> {
    this.router.close();
    await this.bus.close();
  }

  loseLink(partition: number): void {
    this.transports[partition]?.reset(new Error('the link was lost'));
  }

  async client(...names: string[]): Promise<LocalConnection> {
    const received: unknown[] = [];
    const sink = {
      write: ({ payload }: { payload: string | Buffer }) =>
        void received.push((JSON.parse(payload.toString()) as { data: unknown }).data),
      flush: () => undefined,
      close: () => undefined,
      isFull: false,
    };
    const connection = new LocalConnection(
      newConnectionId(this.serverId),
      PATH,
      'u',
      plainDialect(jsonProtocol),
      sink,
    );
    await this.router.roster.add(connection);
    for (const name of names) await this.router.roster.join(connection, name);
    this.received.push(received);
    return connection;
  }

  emit(data: unknown, targets: readonly TargetRef[], excluded: readonly TargetRef[] = []): Promise<Delivery> {
    const frames = MessageFrames.of({ event: 'hi', data });
    return this.router.emitter.emit({ path: PATH, targets, excluded }, frames, {
      local: false,
      volatile: false,
    });
  }
}

describe('with a bus of several partitions', () => {
  const many = groups(MAX_CHANNELS + 8);
  const names = many.map(({ name }) => name);
  let near: ShardedServer;
  let far: ShardedServer;

  beforeEach(async () => {
    const prefix = randomUUID();
    [near, far] = await Promise.all([new ShardedServer(prefix).start(), new ShardedServer(prefix).start()]);
  });
  afterEach(() => Promise.all([near.close(), far.close()]));

  it('a message for many groups is published once, and each member gets it once, in order', async () => {
    await far.client(...names);
    await far.client('g7');
    await near.client('g0', 'g1');
    const before = near.bus.counters.published;
    const rounds = Array.from({ length: 50 }, (_, round) => round);
    for (const round of rounds) await near.emit(round, many);
    // Twelve partitions send heartbeats each second.
    expect(near.bus.counters.published - before).toBeLessThan(rounds.length + 40);
    await expect.poll(() => far.received[1]?.length).toBe(rounds.length);
    expect([near.received, far.received]).toEqual([[rounds], [rounds, rounds]]);
    expect(far.bus.counters.duplicates).toBe(0);
  });

  it('a member of one of the groups receives it, and leaving is final', async () => {
    const connection = await far.client();
    for (const name of names.slice(0, 12)) {
      await far.router.roster.join(connection, name);
      await near.emit(name, many);
      await expect.poll(() => far.received[0]?.at(-1)).toBe(name);
      far.router.roster.leave(connection, name);
      await near.emit('after the leave', many);
      await near.emit('mark', [{ kind: 'user', name: 'u' }, ...many]);
      await expect.poll(() => far.received[0]?.at(-1)).toBe('mark');
    }
    expect(far.received[0]).not.toContain('after the leave');
  });

  it('a loss on the partition of the servers’ channel affects all connections, because such a message may be lost', async () => {
    await far.client('g1');
    const missed = next(far.bus.loss$.pipe(mergeMap((loss) => far.router.concerned(loss))));
    far.loseLink(partitionOf(far.channels.servers));
    expect(await missed).toMatchObject({ path: PATH, targets: expect.arrayContaining([ALL]) as unknown });
  });

  it('a loss on another partition affects its own targets', async () => {
    await far.client(...names);
    const busy = new Set(
      [far.channels.servers, far.channels.server(far.serverId), far.channels.target(PATH, ALL)].map(
        partitionOf,
      ),
    );
    const other =
      names.find((name) => !busy.has(partitionOf(far.channels.target(PATH, { kind: 'group', name })))) ?? '';
    const missed = next(far.bus.loss$.pipe(mergeMap((loss) => far.router.concerned(loss))));
    far.loseLink(partitionOf(far.channels.target(PATH, { kind: 'group', name: other })));
    const { targets } = await missed;
    expect(targets).toContainEqual({ kind: 'group', name: other });
    expect(targets).not.toContainEqual(ALL);
  });
});
