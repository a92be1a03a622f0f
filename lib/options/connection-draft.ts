import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { RedisOptions } from 'ioredis';
import type { BackplaneSettings, ConnectionPlan, RedisNode } from './connection-plan.js';
import { ConnectionStringError } from './connection-string.error.js';

/** What a key can depend on: it says nothing without TLS, or without sentinels. */
export type Condition = 'TLS' | 'sentinels';

/** What has been read of a connection string so far, in either form; one of the `plan…` functions makes the plan of it. */
export interface ConnectionDraft {
  readonly redis: RedisOptions;
  readonly backplane: BackplaneSettings;
  readonly warnings: string[];
  /** Keys given that have an effect only under a condition. */
  readonly conditional: { readonly key: string; readonly needs: Condition }[];
  /** Used if TLS is on. */
  readonly tlsOptions: ConnectionOptions;
  /** Absent: not said. */
  tls?: boolean;
  /** How to talk to the sentinels themselves. An empty user or password means none; `tls` absent: as with the servers. */
  readonly sentinel: { username?: string; password?: string; tls?: boolean };
  /** The name under which the sentinels know the master. */
  master?: string;
}

/** A draft in which nothing is said yet. */
export function emptyDraft(): ConnectionDraft {
  return { redis: {}, backplane: {}, warnings: [], conditional: [], tlsOptions: {}, sentinel: {} };
}

/** Plan for one server. */
export function planServer(draft: ConnectionDraft, node: RedisNode): ConnectionPlan {
  // ioredis hands the host to tls.connect(), which checks the certificate against it but does not send it (SNI).
  const tls = tlsOf(draft, isIP(node.host) ? {} : { servername: node.host });
  return finish(draft, 'standalone', [node], { ...node, ...tls });
}

/** Plan for one server behind a unix socket. */
export function planSocket(draft: ConnectionDraft, path: string): ConnectionPlan {
  return finish(draft, 'standalone', [], { path, ...tlsOf(draft) });
}

/** Plan for the master that the given sentinels name. */
export function planSentinel(draft: ConnectionDraft, sentinels: RedisNode[], master: string): ConnectionPlan {
  const { username, password, tls: sentinelTls = draft.tls } = draft.sentinel;
  const tls = tlsOf(draft);
  return finish(draft, 'sentinel', sentinels, {
    sentinels: sentinels.map((node) => ({ ...node })),
    name: master,
    ...(username && { sentinelUsername: username }),
    ...(password && { sentinelPassword: password }),
    // ioredis keeps the two apart: without the flag it would talk to the master in clear text, `tls` or not.
    ...(tls && { ...tls, enableTLSForSentinelMode: true }),
    ...(sentinelTls && { sentinelTLS: { ...draft.tlsOptions } }),
  });
}

/**
 * Plan for a cluster found through any of the given nodes.
 * @throws ConnectionStringError if a database other than 0 is chosen
 */
export function planCluster(draft: ConnectionDraft, nodes: RedisNode[]): ConnectionPlan {
  if (draft.redis.db) {
    throw new ConnectionStringError('A cluster has database 0 only: leave the database out.', 'db');
  }
  return finish(draft, 'cluster', nodes, tlsOf(draft));
}

function tlsOf(draft: ConnectionDraft, defaults?: ConnectionOptions): RedisOptions | undefined {
  return draft.tls ? { tls: { ...defaults, ...draft.tlsOptions } } : undefined;
}

function finish(
  draft: ConnectionDraft,
  mode: ConnectionPlan['mode'],
  nodes: readonly RedisNode[],
  where: RedisOptions | undefined,
): ConnectionPlan {
  const given: Record<Condition, boolean> = {
    TLS: Boolean(draft.tls || draft.sentinel.tls),
    sentinels: mode === 'sentinel',
  };
  const warnings = draft.conditional
    .filter(({ needs }) => !given[needs])
    .map(({ key, needs }) => `"${key}" has no effect without ${needs}.`);
  if (draft.redis.db && draft.backplane.channelPrefix === undefined) {
    warnings.push(
      'Pub/sub channels are shared by all databases of a Redis server: the database number does not keep apps apart, channelPrefix does.',
    );
  }
  return {
    mode,
    nodes,
    redis: { ...draft.redis, ...where },
    backplane: draft.backplane,
    warnings: [...draft.warnings, ...warnings],
  };
}
