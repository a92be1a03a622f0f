import { Redis, type NatMap, type RedisOptions } from 'ioredis';
import type { RedisNode } from '../../options/connection-plan.js';
import { absorbErrors, DISCONNECT_TIMEOUT_MS, endClient } from '../client-socket.js';
import { RedisConnectError } from '../../bus/transport.js';
import { explainConnectError } from '../explain-connect-error.js';
import { isPermissionError, isReplyError } from '../permissions.js';
import { type ClusterView, ownerOf, parseClusterNodes, sameNode } from './cluster-view.js';
import { optionsFor } from './node-options.js';

/** How long a node may take to answer. A frozen node is skipped, because the others know as much. */
const ANSWER_TIMEOUT_MS = 400;

/** The owner of a slot could not be found: no node answered, or the slot has no owner. */
export class TopologyError extends Error {
  override readonly name = 'TopologyError';

  /**
   * @param refused whether a retry cannot fix it: the node refuses the command or the password, or this process refuses
   *   the node's certificate
   */
  constructor(
    message: string,
    readonly refused: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Looks up the owners of slots. */
export interface SlotOwners {
  /**
   * The node that owns the slot now.
   *
   * @throws TopologyError
   */
  ownerOf(slot: number): Promise<RedisNode>;
  close(): void;
}

/** A client that connects to one node once, without reconnecting. */
interface NodeClient {
  readonly node: RedisNode;
  readonly client: Redis;
  /** Why the connection failed. A command that waits for the connection rejects without this reason. */
  failure?: Error;
}

/**
 * Queries the nodes of a cluster for the owners of slots. It keeps one connection, to the node that answered last, so a
 * query costs one short command. If that node does not answer, it tries the others.
 */
export class Topology implements SlotOwners {
  private known: readonly RedisNode[];
  private current: NodeClient | undefined;
  private pendingView: Promise<ClusterView> | undefined;
  private closed = false;

  constructor(
    private readonly seeds: readonly RedisNode[],
    private readonly options: RedisOptions,
    private readonly name: string,
  ) {
    this.known = seeds;
  }

  async ownerOf(slot: number): Promise<RedisNode> {
    const owner = ownerOf(await this.view(), slot);
    if (!owner) throw new TopologyError(`no node of the cluster owns slot ${slot}`, false);
    return owner;
  }

  /**
   * The cluster as one of its nodes sees it now. Concurrent callers share one query.
   *
   * @throws TopologyError
   */
  view(): Promise<ClusterView> {
    this.pendingView ??= this.queryAnyNode().finally(() => (this.pendingView = undefined));
    return this.pendingView;
  }

  close(): void {
    this.closed = true;
    this.disconnect();
  }

  private async queryAnyNode(): Promise<ClusterView> {
    let cause: unknown;
    let withoutQuorum: ClusterView | undefined;
    for (const node of this.candidates()) {
      // A link that is still connecting may call this after `close`. A client created now would outlive the bus.
      if (this.closed) break;
      try {
        const view = await this.query(node);
        if (view.hasQuorum) {
          this.known = [...view.nodes, ...this.seeds];
          return view;
        }
        // If no node has a quorum, the cluster is down, but the remaining nodes still carry messages.
        withoutQuorum ??= view;
      } catch (error) {
        cause = error;
      }
      this.disconnect();
    }
    if (withoutQuorum) return withoutQuorum;
    throw toTopologyError(cause);
  }

  /** The node that answered last, then the others in random order, so that a farm spreads its queries. */
  private candidates(): RedisNode[] {
    const current = this.current?.node;
    return this.known
      .filter((node, index) => this.known.findIndex((other) => sameNode(node, other)) === index)
      .map((node) => ({ node, order: current && sameNode(node, current) ? -1 : Math.random() }))
      .sort((a, b) => a.order - b.order)
      .map(({ node }) => node);
  }

  private async query(node: RedisNode): Promise<ClusterView> {
    const { current } = this;
    const target = current && sameNode(current.node, node) ? current : this.connect(node);
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      const reason = new Error(`${node.host}:${node.port} did not answer within ${ANSWER_TIMEOUT_MS} ms`);
      timer = setTimeout(() => reject(reason), ANSWER_TIMEOUT_MS);
    });
    try {
      const reply = await Promise.race([target.client.cluster('NODES'), timeout]);
      const view = parseClusterNodes(String(reply), node, this.options.tls !== undefined);
      return translateAddresses(view, this.options.natMap);
    } catch (error) {
      throw target.failure ?? error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Replaces the current client. The new one is dropped as soon as its connection ends. */
  private connect(node: RedisNode): NodeClient {
    this.disconnect();
    const client = new Redis({
      ...optionsFor(this.options, node),
      connectionName: `${this.name}:topology`,
      connectTimeout: ANSWER_TIMEOUT_MS,
      disconnectTimeout: DISCONNECT_TIMEOUT_MS,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: true,
      autoResubscribe: false,
      keyPrefix: '',
      db: 0,
      retryStrategy: () => null,
    });
    const connected: NodeClient = { node, client };
    client.on('connect', () => absorbErrors(client.stream));
    client.on('error', (error) => (connected.failure = error));
    client.once('end', () => {
      if (this.current === connected) this.current = undefined;
    });
    return (this.current = connected);
  }

  private disconnect(): void {
    if (this.current) endClient(this.current.client);
    this.current = undefined;
  }
}

/** Applies the user's `natMap`, for nodes that announce addresses which this server cannot reach. */
function translateAddresses(view: ClusterView, natMap: NatMap | undefined): ClusterView {
  if (!natMap) return view;
  const translate = <T extends RedisNode>(node: T): T => {
    const key = `${node.host}:${node.port}`;
    return { ...node, ...(typeof natMap === 'function' ? natMap(key) : natMap[key]) };
  };
  return { ...view, masters: view.masters.map(translate), nodes: view.nodes.map(translate) };
}

function toTopologyError(cause: unknown): TopologyError {
  const explained = cause instanceof Error ? explainConnectError(cause) : undefined;
  if (explained instanceof RedisConnectError) return new TopologyError(explained.message, true, { cause });
  const reason = cause instanceof Error ? cause.message : 'the backplane is closed';
  if (!isReplyError(cause))
    return new TopologyError(`no node of the cluster answers: ${reason}`, false, { cause });
  const advice = isPermissionError(cause)
    ? 'Grant the Redis user +cluster|nodes'
    : 'If this Redis is not a cluster, write its address as redis://host';
  return new TopologyError(`a node refuses the command CLUSTER NODES: ${reason}. ${advice}.`, true, {
    cause,
  });
}
