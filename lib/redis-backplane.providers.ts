import type { FactoryProvider } from '@nestjs/common';
import { ADAPTER_CONTEXT, type AdapterContext } from './adapter/adapter-context.js';
import { LimitedLog } from './broadcast/limited-log.js';
import { Broadcaster } from './broadcast/broadcaster.js';
import { Connections } from './broadcast/connections.js';
import { Dispatcher } from './broadcast/dispatcher.js';
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

/** The rooms, each made of those below it. */
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
        maxMessageBytes: options.maxMessageBytes,
        unsubscribeDelayMs: options.unsubscribeDelayMs,
      }),
  },
  {
    provide: Dispatcher,
    inject: [RESOLVED_OPTIONS, Router],
    useFactory: ({ invokeTimeoutMs, edge }: ResolvedOptions, router: Router) =>
      new Dispatcher(
        router,
        invokeTimeoutMs,
        edge.authenticate ? undefined : new UnreachableUsers(() => router.roster.paths),
      ),
  },
  { provide: Connections, inject: [Router], useFactory: (router: Router) => new Connections(router) },
  {
    provide: Broadcaster,
    inject: [Dispatcher, Connections],
    useFactory: (dispatcher: Dispatcher, connections: Connections) =>
      new Broadcaster(dispatcher, connections),
  },
  { provide: EDGE_COUNTERS, inject: [], useFactory: noEdgeCounts },
  {
    provide: RedisBackplane,
    inject: [BUS, Router, Dispatcher, EDGE_COUNTERS],
    useFactory: (bus: Bus, router: Router, dispatcher: Dispatcher, counters: EdgeCounters) =>
      new RedisBackplane(bus, router, dispatcher, counters),
  },
  {
    provide: ADAPTER_CONTEXT,
    inject: [RESOLVED_OPTIONS, BUS, Dispatcher, Connections, EDGE_COUNTERS],
    useFactory: (
      options: ResolvedOptions,
      bus: Bus,
      dispatcher: Dispatcher,
      connections: Connections,
      counters: EdgeCounters,
    ): AdapterContext => ({
      serverId: bus.serverId,
      protocols: clientProtocols(options.protocols),
      edge: options.edge,
      counters,
      dispatcher,
      connections,
      log: new LimitedLog('RedisBackplaneAdapter'),
    }),
  },
];
