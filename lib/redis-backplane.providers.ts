import type { FactoryProvider } from '@nestjs/common';
import { ADAPTER_CONTEXT, type AdapterContext } from './adapter/adapter-context.js';
import { LimitedLog } from './broadcast/limited-log.js';
import { BROADCAST_CONTEXT, type BroadcastContext } from './broadcast/broadcast-context.js';
import { Broadcaster } from './broadcast/broadcaster.js';
import { Connections } from './broadcast/connections.js';
import { type EdgeCounters, noEdgeCounts } from './broadcast/edge-counters.js';
import { RedisBackplane } from './broadcast/redis-backplane.js';
import { UnreachableUsers } from './broadcast/unreachable-users.js';
import type { Bus } from './bus/bus.js';
import { createBus } from './redis/create-bus.js';
import type { RedisBackplaneOptions } from './options/redis-backplane-options.js';
import { type ResolvedOptions, resolveOptions } from './options/resolve-options.js';
import { ChannelNames } from './protocol/channel-names.js';
import { clientProtocols } from './protocol/client-protocols.js';
import { REDIS_BACKPLANE_OPTIONS } from './redis-backplane.module-definition.js';
import { Router } from './routing/router.js';

export const RESOLVED_OPTIONS = Symbol('RESOLVED_OPTIONS');
export const BUS = Symbol('BUS');
const EDGE_COUNTERS = Symbol('EDGE_COUNTERS');

/** The objects of each folder of `lib`, built from the folders below it. */
export const backplaneProviders: FactoryProvider[] = [
  {
    provide: RESOLVED_OPTIONS,
    inject: [REDIS_BACKPLANE_OPTIONS],
    useFactory: (options: RedisBackplaneOptions): ResolvedOptions => resolveOptions(options),
  },
  {
    provide: ChannelNames,
    inject: [RESOLVED_OPTIONS],
    useFactory: (options: ResolvedOptions) => new ChannelNames(options.channelPrefix),
  },
  {
    provide: BUS,
    inject: [RESOLVED_OPTIONS, ChannelNames],
    useFactory: (options: ResolvedOptions, channels: ChannelNames): Bus => createBus(options, channels),
  },
  {
    provide: Router,
    inject: [RESOLVED_OPTIONS, BUS, ChannelNames],
    useFactory: (options: ResolvedOptions, bus: Bus, channels: ChannelNames) =>
      new Router(bus, channels, {
        protocols: clientProtocols(options.protocols),
        outage: options.outage,
        commandTimeoutMs: options.commandTimeoutMs,
      }),
  },
  {
    provide: BROADCAST_CONTEXT,
    inject: [RESOLVED_OPTIONS, Router],
    useFactory: ({ invokeTimeoutMs, edge }: ResolvedOptions, router: Router): BroadcastContext => ({
      router,
      invokeTimeoutMs,
      unreachable: edge.authenticate ? undefined : new UnreachableUsers(() => router.roster.paths),
    }),
  },
  { provide: Connections, inject: [], useFactory: () => new Connections() },
  {
    provide: Broadcaster,
    inject: [BROADCAST_CONTEXT, Connections],
    useFactory: (context: BroadcastContext, connections: Connections) =>
      new Broadcaster(context, connections),
  },
  { provide: EDGE_COUNTERS, inject: [], useFactory: noEdgeCounts },
  {
    provide: RedisBackplane,
    inject: [BUS, Router, BROADCAST_CONTEXT, EDGE_COUNTERS],
    useFactory: (bus: Bus, router: Router, context: BroadcastContext, counters: EdgeCounters) =>
      new RedisBackplane(bus, router, context, counters),
  },
  {
    provide: ADAPTER_CONTEXT,
    inject: [RESOLVED_OPTIONS, BUS, BROADCAST_CONTEXT, Connections, EDGE_COUNTERS],
    useFactory: (
      options: ResolvedOptions,
      bus: Bus,
      context: BroadcastContext,
      connections: Connections,
      counters: EdgeCounters,
    ): AdapterContext => ({
      ...context,
      serverId: bus.serverId,
      protocols: clientProtocols(options.protocols),
      edge: options.edge,
      counters,
      connections,
      log: new LimitedLog('RedisBackplaneAdapter'),
    }),
  },
];
