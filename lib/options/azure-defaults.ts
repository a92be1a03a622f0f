import type { ConnectionDraft } from './connection-draft.js';
import type { WrittenNode } from './redis-node.js';

/** Azure Cache for Redis: offers clear text on 6379 and TLS on 6380. */
const CACHE_DOMAINS = [
  '.redis.cache.windows.net',
  '.redis.cache.chinacloudapi.cn',
  '.redis.cache.usgovcloudapi.net',
  '.redis.cache.sovcloud-api.de',
  '.redis.cache.sovcloud-api.fr',
];

/** Azure Managed Redis: TLS unless switched off there. */
const MANAGED_DOMAINS = [
  '.redis.azure.net',
  '.redis.chinacloudapi.cn',
  '.redis.usgovcloudapi.net',
  '.redis.sovcloud-api.de',
  '.redis.sovcloud-api.fr',
  '.redisenterprise.cache.azure.net',
];

/** Fills in what StackExchange.Redis takes for granted on Azure hosts, where the string does not say otherwise. */
export function applyAzureDefaults(draft: ConnectionDraft, nodes: readonly WrittenNode[]): void {
  const managed = nodes.some(({ host }) => isIn(MANAGED_DOMAINS, host));
  if (!managed && !nodes.some(({ host }) => isIn(CACHE_DOMAINS, host))) return;
  draft.backplane.abortConnect ??= false;
  draft.tls ??= managed || nodes.some(({ port }) => port === 6380);
}

function isIn(domains: readonly string[], host: string): boolean {
  return domains.some((domain) => host.toLowerCase().endsWith(domain));
}
