import type { FactoryProvider } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { ADAPTER_CONTEXT, type AdapterContext } from './adapter/adapter-context.js';
import { Authenticators } from './adapter/authenticators.js';
import { DIALECT_PROVIDER, type DialectProvider } from './adapter/dialect-provider.js';
import { BoundBroadcaster } from './broadcast/bound-broadcaster.js';
import { BROADCAST_CONTEXT, type BroadcastContext } from './broadcast/broadcast-context.js';
import { Broadcaster } from './broadcast/broadcaster.js';
import { Connections } from './broadcast/connections.js';
import { type EdgeCounters, noEdgeCounts } from './broadcast/edge-counters.js';
import { type LibraryLogger, loggerFor } from './broadcast/library-logger.js';
import { LimitedLog } from './broadcast/limited-log.js';
import { RedisBackplane } from './broadcast/redis-backplane.js';
import { UnreachableUsers } from './broadcast/unreachable-users.js';
import type { Bus } from './bus/bus.js';
import { createBus } from './redis/create-bus.js';
import type { RedisBackplaneOptions } from './options/redis-backplane-options.js';
import { type ResolvedOptions, resolveOptions } from './options/resolve-options.js';
import { ChannelNames } from './protocol/channel-names.js';
import { clientProtocols } from './protocol/client-protocols.js';
import { REDIS_BACKPLANE_OPTIONS } from './redis-backplane.module-definition.js';
import { Presence } from './presence/presence.js';
import { ServerRegistry } from './presence/server-registry.js';
import { Router } from './routing/router.js';
import { jsonHubProtocol } from './signalr/json-hub-protocol.js';
import { msgpackHubProtocol } from './signalr/msgpack-hub-protocol.js';
import { SignalRClients } from './signalr/signalr-clients.js';

export const RESOLVED_OPTIONS = Symbol('RESOLVED_OPTIONS');
export const BUS = Symbol('BUS');
const EDGE_COUNTERS = Symbol('EDGE_COUNTERS');
export const LOGGER = Symbol('LOGGER');
const ADAPTER_LOGGER = Symbol('ADAPTER_LOGGER');

/** Providers that create the objects of each folder of `lib` from those of the folders below it. */
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
    provide: Presence,
    inject: [RESOLVED_OPTIONS, BUS, ChannelNames, Router],
    useFactory: ({ presence }: ResolvedOptions, bus: Bus, channels: ChannelNames, router: Router) =>
      new Presence(bus, channels, router, { ...presence, hasData: presence.data !== undefined }),
  },
  {
    provide: ServerRegistry,
    inject: [RESOLVED_OPTIONS, BUS, ChannelNames, Router],
    useFactory: ({ appVersion }: ResolvedOptions, bus: Bus, channels: ChannelNames, router: Router) =>
      new ServerRegistry(bus, channels, router, appVersion),
  },
  {
    provide: Authenticators,
    inject: [ModulesContainer, RESOLVED_OPTIONS],
    useFactory: (modules: ModulesContainer, { authenticate }: ResolvedOptions) =>
      new Authenticators(modules, authenticate),
  },
  {
    provide: LOGGER,
    inject: [RESOLVED_OPTIONS],
    useFactory: ({ logger }: ResolvedOptions) => loggerFor('RedisBackplane', logger),
  },
  {
    provide: ADAPTER_LOGGER,
    inject: [RESOLVED_OPTIONS],
    useFactory: ({ logger }: ResolvedOptions) => loggerFor('RedisBackplaneAdapter', logger),
  },
  {
    provide: BROADCAST_CONTEXT,
    inject: [RESOLVED_OPTIONS, Router, Presence, Authenticators, LOGGER, ADAPTER_LOGGER],
    useFactory: (
      { invokeTimeoutMs }: ResolvedOptions,
      router: Router,
      presence: Presence,
      authenticators: Authenticators,
      logger: LibraryLogger,
      adapterLogger: LibraryLogger,
    ): BroadcastContext => {
      const hasNoUsers = (path: string): boolean =>
        router.roster.members(path) !== undefined && !authenticators.for(path);
      const unreachable = new UnreachableUsers(hasNoUsers, logger);
      return { router, presence, invokeTimeoutMs, unreachable, log: new LimitedLog(adapterLogger) };
    },
  },
  { provide: Connections, inject: [], useFactory: () => new Connections() },
  {
    provide: Broadcaster,
    inject: [BROADCAST_CONTEXT, Connections],
    useFactory: (context: BroadcastContext, connections: Connections) =>
      new BoundBroadcaster(context, connections),
  },
  { provide: EDGE_COUNTERS, inject: [], useFactory: noEdgeCounts },
  {
    provide: RedisBackplane,
    inject: [BUS, Router, ServerRegistry, BROADCAST_CONTEXT, EDGE_COUNTERS, LOGGER],
    useFactory: (
      bus: Bus,
      router: Router,
      registry: ServerRegistry,
      context: BroadcastContext,
      counters: EdgeCounters,
      logger: LibraryLogger,
    ) => new RedisBackplane(bus, router, registry, context, counters, new LimitedLog(logger)),
  },
  {
    provide: DIALECT_PROVIDER,
    inject: [RESOLVED_OPTIONS, EDGE_COUNTERS, BUS],
    useFactory: createDialectProvider,
  },
  {
    provide: ADAPTER_CONTEXT,
    inject: [
      RESOLVED_OPTIONS,
      BUS,
      BROADCAST_CONTEXT,
      Connections,
      EDGE_COUNTERS,
      Authenticators,
      ADAPTER_LOGGER,
    ],
    useFactory: (
      options: ResolvedOptions,
      bus: Bus,
      context: BroadcastContext,
      connections: Connections,
      counters: EdgeCounters,
      authenticators: Authenticators,
      logger: LibraryLogger,
    ): AdapterContext => ({
      ...context,
      serverId: bus.serverId,
      protocols: clientProtocols(options.protocols),
      edge: options.edge,
      presenceDataOf: options.presence.data,
      counters,
      connections,
      authenticators,
      logger,
      clock: bus.clock,
    }),
  },
];

/** @returns `undefined` if all clients are plain ones */
function createDialectProvider(
  { signalr, protocols }: ResolvedOptions,
  counters: EdgeCounters,
  { clock }: Bus,
): DialectProvider | undefined {
  if (!signalr) return undefined;
  const hubs = [jsonHubProtocol, msgpackHubProtocol].filter(({ protocol }) =>
    protocols.includes(protocol.name),
  );
  return new SignalRClients(signalr, hubs, counters, () => clock.date());
}
