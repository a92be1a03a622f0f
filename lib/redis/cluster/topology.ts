import { Redis, type NatMap, type RedisOptions } from 'ioredis';
import type { RedisNode } from '../../options/connection-plan.js';
import { DISCONNECT_TIMEOUT_MS, endClient, hearErrors } from '../client-socket.js';
import { RedisConnectError } from '../../bus/transport.js';
import { explainConnectError } from '../explain-connect-error.js';
import { isPermissionError, isReplyError } from '../permissions.js';
import { type ClusterView, ownerOf, parseClusterNodes, sameNode } from './cluster-view.js';
import { optionsFor } from './node-options.js';

/** A node that has not answered by then is passed over: it may be frozen, and others know as much. */
const ANSWER_TIMEOUT_MS = 400;

/** Nobody could be asked who owns what, or nobody does. */
export class TopologyError extends Error {
  override readonly name = 'TopologyError';

  /** @param refused a node refuses to tell, or its certificate or our password is refused, which a retry does not fix */
  constructor(
    message: string,
    readonly refused: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Tells which node owns a slot. */
export interface SlotOwners {
  /** @throws TopologyError */
  ownerOf(slot: number): Promise<RedisNode>;
  close(): void;
}

/** A client for one node and one connection. */
interface Scout {
  readonly node: RedisNode;
  readonly client: Redis;
  /** Why there is no connection; a command that waits for it is told only that there is none. */
  failure?: Error;
}

/**
 * Knows who to ask which node owns a slot now. One connection, to the node that answered last, is kept for it:
 * asking costs a short command, and a node that does not answer is left for another one.
 */
export class Topology implements SlotOwners {
  private known: readonly RedisNode[];
  private scout: Scout | undefined;
  private asking: Promise<ClusterView> | undefined;
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
   * What a node sees now. Callers that ask while a request is under way share its answer.
   *
   * @throws TopologyError
   */
  view(): Promise<ClusterView> {
    this.asking ??= this.askAnyone().finally(() => (this.asking = undefined));
    return this.asking;
  }

  close(): void {
    this.closed = true;
    this.dismiss();
  }

  private async askAnyone(): Promise<ClusterView> {
    let cause: unknown;
    let doubtful: ClusterView | undefined;
    for (const node of this.candidates()) {
      // A link that was being opened may ask after the end; a client made for it now would outlive the bus.
      if (this.closed) break;
      try {
        const view = await this.ask(node);
        if (view.hasQuorum) {
          this.known = [...view.nodes, ...this.seeds];
          return view;
        }
        // Where nobody sees a majority the cluster is down, and what is left of it still carries messages.
        doubtful ??= view;
      } catch (error) {
        cause = error;
      }
      this.dismiss();
    }
    if (doubtful) return doubtful;
    throw toTopologyError(cause);
  }

  /** The node that answered last comes first, the others in random order, so a farm does not ask one node only. */
  private candidates(): RedisNode[] {
    const others = this.known
      .filter((node, index) => this.known.findIndex((other) => sameNode(node, other)) === index)
      .map((node) => ({ node, order: this.scout && sameNode(node, this.scout.node) ? -1 : Math.random() }))
      .sort((a, b) => a.order - b.order);
    return others.map(({ node }) => node);
  }

  private async ask(node: RedisNode): Promise<ClusterView> {
    const scout = this.scout && sameNode(this.scout.node, node) ? this.scout : this.send(node);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const reason = new Error(`${node.host}:${node.port} did not answer within ${ANSWER_TIMEOUT_MS} ms`);
      timer = setTimeout(() => reject(reason), ANSWER_TIMEOUT_MS);
    });
    try {
      const reply = await Promise.race([scout.client.cluster('NODES'), late]);
      const view = parseClusterNodes(String(reply), node, this.options.tls !== undefined);
      return mapped(view, this.options.natMap);
    } catch (error) {
      throw scout.failure ?? error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The end of its connection is its end. */
  private send(node: RedisNode): Scout {
    this.dismiss();
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
    const scout: Scout = { node, client };
    client.on('connect', () => hearErrors(client.stream));
    client.on('error', (error) => (scout.failure = error));
    client.once('end', () => {
      if (this.scout === scout) this.scout = undefined;
    });
    return (this.scout = scout);
  }

  private dismiss(): void {
    if (this.scout) endClient(this.scout.client);
    this.scout = undefined;
  }
}

/** Where nodes announce addresses that cannot be reached from here, the user says which can. */
function mapped(view: ClusterView, natMap: NatMap | undefined): ClusterView {
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
    : 'Name a single server as redis://host, not as a cluster, if it is none';
  return new TopologyError(`a node refuses to tell the nodes of its cluster: ${reason}. ${advice}.`, true, {
    cause,
  });
}
