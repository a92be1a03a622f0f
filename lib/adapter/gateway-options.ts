import type { ModulesContainer } from '@nestjs/core';
import { gatewayMetadata, isGateway } from '../broadcast/gateway-metadata.js';
import { checkedPath } from '../broadcast/gateway-path.js';

/** Options of Socket.IO that have no effect here, and what has the same effect. Empty if nothing is needed. */
const SOCKET_IO_OPTIONS: Readonly<Record<string, string>> = {
  adapter: 'RedisBackplaneModule replaces it',
  addTrailingSlash: '',
  allowEIO3: '',
  allowRequest: 'it is never called: set the module option authenticate',
  allowUpgrades: '',
  cleanupEmptyChildNamespaces: '',
  connectionStateRecovery: '',
  connectTimeout: 'set the module option limits.admissionTime',
  cookie: '',
  cors: 'set the module option allowedOrigins',
  destroyUpgrade: '',
  destroyUpgradeTimeout: '',
  httpCompression: '',
  initialPacket: '',
  maxHttpBufferSize: 'set the module option limits.payloadBytes',
  parser: 'set the module option protocols',
  pingInterval: 'set the module option heartbeat.interval',
  pingTimeout: 'set the module option heartbeat.timeout',
  serveClient: '',
  transports: 'WebSocket is the only one',
  upgradeTimeout: 'set the module option limits.admissionTime',
  wsEngine: '',
};

/**
 * Checks the options of every gateway of the app, so that no option of another adapter is silently ignored.
 *
 * @param warn gets one line for each gateway with options of Socket.IO that have no effect
 * @throws InvalidPathError for a gateway that would be served at another path than its author expects
 */
export function checkGateways(modules: ModulesContainer, warn: (message: string) => void): void {
  const providers = [...modules.values()].flatMap((module) => [...module.providers.values()]);
  for (const gateway of new Set(providers.map(({ metatype }) => metatype))) {
    if (!isGateway(gateway)) continue;
    const { options } = gatewayMetadata(gateway);
    checkedPath(gateway.name, options);
    const ignored = Object.keys(options).filter((option) => hasNoEffect(option, options[option]));
    if (ignored.length > 0) warn(warningFor(gateway.name, ignored));
  }
}

function hasNoEffect(option: string, value: unknown): boolean {
  if (value === undefined || !Object.hasOwn(SOCKET_IO_OPTIONS, option)) return false;
  return option !== 'transports' || !Array.isArray(value) || value.some((name) => name !== 'websocket');
}

function warningFor(gateway: string, ignored: readonly string[]): string {
  const each = ignored.map((option) => {
    const advice = SOCKET_IO_OPTIONS[option];
    return advice ? `${option} (${advice})` : option;
  });
  return `@WebSocketGateway() of ${gateway} has options of Socket.IO that have no effect: ${each.join(', ')}. Remove them.`;
}
