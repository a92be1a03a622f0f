import type { ConnectionDraft } from './connection-draft.js';
import type { WrittenNode } from './redis-node.js';

/** Azure Cache for Redis: plain text on port 6379, TLS on port 6380. */
const CACHE_DOMAINS = [
  '.redis.cache.windows.net',
  '.redis.cache.chinacloudapi.cn',
  '.redis.cache.usgovcloudapi.net',
  '.redis.cache.sovcloud-api.de',
  '.redis.cache.sovcloud-api.fr',
];

/** Azure Managed Redis: TLS, unless it is turned off in Azure. */
const MANAGED_DOMAINS = [
  '.redis.azure.net',
  '.redis.chinacloudapi.cn',
  '.redis.usgovcloudapi.net',
  '.redis.sovcloud-api.de',
  '.redis.sovcloud-api.fr',
  '.redisenterprise.cache.azure.net',
];

/** Applies the defaults of StackExchange.Redis for Azure hosts. Explicit settings in the connection string win. */
export function applyAzureDefaults(draft: ConnectionDraft, nodes: readonly WrittenNode[]): void {
  const managed = nodes.some(({ host }) => isIn(MANAGED_DOMAINS, host));
  if (!managed && !nodes.some(({ host }) => isIn(CACHE_DOMAINS, host))) return;
  draft.backplane.abortConnect ??= false;
  draft.tls ??= managed || nodes.some(({ port }) => port === 6380);
}

function isIn(domains: readonly string[], host: string): boolean {
  return domains.some((domain) => host.toLowerCase().endsWith(domain));
}
