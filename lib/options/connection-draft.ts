import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { RedisOptions } from 'ioredis';
import type { BackplaneSettings, ConnectionPlan, RedisNode } from './connection-plan.js';
import { ConnectionStringError } from './connection-string.error.js';

/** What a key may require: it has no effect without TLS, or without sentinels. */
export type Condition = 'TLS' | 'sentinels';

/** The settings read from a connection string so far, in either format. A `plan…` function turns them into a plan. */
export interface ConnectionDraft {
  readonly redis: RedisOptions;
  readonly backplane: BackplaneSettings;
  readonly warnings: string[];
  /** The given keys that have an effect only under a condition. */
  readonly conditional: { readonly key: string; readonly needs: Condition }[];
  /** Used if TLS is on. */
  readonly tlsOptions: ConnectionOptions;
  /** Absent if the string does not say. */
  tls?: boolean;
  /**
   * How to connect to the sentinels themselves. An empty user or password means none. If `tls` is absent, the setting for
   * the Redis nodes applies.
   */
  readonly sentinel: { username?: string; password?: string; tls?: boolean };
  /** The name of the master in the configuration of the sentinels. */
  master?: string;
}

/** Creates a draft without any settings. */
export function emptyDraft(): ConnectionDraft {
  return { redis: {}, backplane: {}, warnings: [], conditional: [], tlsOptions: {}, sentinel: {} };
}

/** Plans connections to one Redis node. */
export function planNode(draft: ConnectionDraft, node: RedisNode): ConnectionPlan {
  // ioredis passes the host to tls.connect(), which checks the certificate against it but does not send it (SNI).
  const tls = tlsOf(draft, isIP(node.host) ? {} : { servername: node.host });
  return finish(draft, 'standalone', [node], { ...node, ...tls });
}

/** Plans connections to one Redis node through a unix socket. */
export function planSocket(draft: ConnectionDraft, path: string): ConnectionPlan {
  return finish(draft, 'standalone', [], { path, ...tlsOf(draft) });
}

/** Plans connections to the master that these sentinels monitor. */
export function planSentinel(draft: ConnectionDraft, sentinels: RedisNode[], master: string): ConnectionPlan {
  const { username, password, tls: sentinelTls = draft.tls } = draft.sentinel;
  const tls = tlsOf(draft);
  return finish(draft, 'sentinel', sentinels, {
    sentinels: sentinels.map((node) => ({ ...node })),
    name: master,
    ...(username && { sentinelUsername: username }),
    ...(password && { sentinelPassword: password }),
    // Without this flag, ioredis would connect to the master in plain text even if `tls` is set.
    ...(tls && { ...tls, enableTLSForSentinelMode: true }),
    ...(sentinelTls && { sentinelTLS: { ...draft.tlsOptions } }),
  });
}

/**
 * Plans connections to the cluster that these nodes belong to.
 *
 * @throws ConnectionStringError if a database other than 0 is selected
 */
export function planCluster(draft: ConnectionDraft, nodes: RedisNode[]): ConnectionPlan {
  if (draft.redis.db) {
    throw new ConnectionStringError('A cluster has only database 0: remove the database.', 'db');
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
  address: RedisOptions | undefined,
): ConnectionPlan {
  const isMet: Record<Condition, boolean> = {
    TLS: Boolean(draft.tls || draft.sentinel.tls),
    sentinels: mode === 'sentinel',
  };
  const warnings = draft.conditional
    .filter(({ needs }) => !isMet[needs])
    .map(({ key, needs }) => `"${key}" has no effect without ${needs}.`);
  if (draft.redis.db && draft.backplane.channelPrefix === undefined) {
    warnings.push(
      'All databases of a Redis node share the pub/sub channels: a database number does not separate apps. Use channelPrefix instead.',
    );
  }
  return {
    mode,
    nodes,
    redis: { ...draft.redis, ...address },
    backplane: draft.backplane,
    warnings: [...draft.warnings, ...warnings],
  };
}
