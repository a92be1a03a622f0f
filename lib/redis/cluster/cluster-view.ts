import type { RedisNode } from '../../options/connection-plan.js';

/** A master with its slots. */
export interface Master extends RedisNode {
  /** The first and last slot of each range that the master owns. */
  readonly slots: readonly (readonly [first: number, last: number])[];
}

/** The cluster as one of its nodes sees it. */
export interface ClusterView {
  /** The masters that own slots. */
  readonly masters: readonly Master[];
  /** Every node that can be queried: masters with and without slots, and replicas. */
  readonly nodes: readonly RedisNode[];
  /**
   * Whether the queried node can reach most of the masters. If it cannot, the others may have replaced it without its
   * knowledge.
   */
  readonly hasQuorum: boolean;
}

/**
 * Parses the reply of `CLUSTER NODES`. Of the commands that list the owners of slots, only this one also shows whether
 * the queried node can reach the others. A line is:
 *
 *   <id> <host:port@busPort[,hostname[,…]]> <flags> <master> <ping> <pong> <epoch> <link> [<slot> | <first>-<last> | [<migration>]]…
 *
 * @param queried the node that replied. A node that does not know its own address leaves the host out
 * @param byHostname whether to use the hostname that a node announces instead of its address, because certificates
 *   contain hostnames
 */
export function parseClusterNodes(reply: string, queried: RedisNode, byHostname: boolean): ClusterView {
  const masters: Master[] = [];
  const nodes: RedisNode[] = [];
  let reachable = 0;
  for (const line of reply.split('\n')) {
    const [, address = '', flagList = '', , , , , , ...owned] = line.trim().split(' ');
    const flags = flagList.split(',');
    const node = parseAddress(address, queried, byHostname);
    if (!node || flags.includes('handshake')) continue;
    nodes.push(node);
    const slots = owned.filter((range) => !range.startsWith('[')).map(parseRange);
    if (!flags.includes('master') || slots.length === 0) continue;
    masters.push({ ...node, slots });
    if (!flags.includes('fail') && !flags.includes('fail?')) reachable++;
  }
  return { masters, nodes, hasQuorum: reachable > masters.length / 2 };
}

export function ownerOf(view: ClusterView, slot: number): RedisNode | undefined {
  return view.masters.find(({ slots }) => slots.some(([first, last]) => slot >= first && slot <= last));
}

export function sameNode(a: RedisNode, b: RedisNode): boolean {
  return a.host === b.host && a.port === b.port;
}

function parseAddress(address: string, queried: RedisNode, byHostname: boolean): RedisNode | undefined {
  const [endpoint = '', hostname] = address.split(',');
  const [hostAndPort = ''] = endpoint.split('@');
  const colon = hostAndPort.lastIndexOf(':');
  const port = Number(hostAndPort.slice(colon + 1));
  if (colon < 0 || !(port > 0)) return undefined;
  const ip = hostAndPort.slice(0, colon) || queried.host;
  return { host: byHostname && hostname ? hostname : ip, port };
}

function parseRange(range: string): readonly [number, number] {
  const [first = '', last = first] = range.split('-');
  return [Number(first), Number(last)];
}
