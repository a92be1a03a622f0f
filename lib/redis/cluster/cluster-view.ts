import type { RedisNode } from '../../options/connection-plan.js';

/** A master, as a node of the cluster sees it. */
export interface Master extends RedisNode {
  /** First and last slot of each range that it owns. */
  readonly slots: readonly (readonly [first: number, last: number])[];
}

/** The cluster as one of its nodes sees it. */
export interface ClusterView {
  /** Those that own slots. */
  readonly masters: readonly Master[];
  /** Masters, replicas and what has no slots: all that can be asked. */
  readonly nodes: readonly RedisNode[];
  /**
   * The node that was asked is in touch with most of the masters. One that is not may have been given up by the
   * others, and replaced, without a way to learn it.
   */
  readonly hasQuorum: boolean;
}

/**
 * Reads the reply of `CLUSTER NODES`. Of all the commands that tell who owns what it is the one that tells, too,
 * whether the node that answers is in touch with the others. A line is:
 *
 *   <id> <host:port@busPort[,hostname[,…]]> <flags> <master> <ping> <pong> <epoch> <link> [<slot> | <first>-<last> | [<migration>]]…
 *
 * @param asked whose reply it is: a node that does not know its own address leaves the host out
 * @param byName hosts are named by the hostname that they announce, where they do: certificates name it
 */
export function parseClusterNodes(reply: string, asked: RedisNode, byName: boolean): ClusterView {
  const masters: Master[] = [];
  const nodes: RedisNode[] = [];
  let reachable = 0;
  for (const line of reply.split('\n')) {
    const [, address = '', flagList = '', , , , , , ...owned] = line.trim().split(' ');
    const flags = flagList.split(',');
    const node = readAddress(address, asked, byName);
    if (!node || flags.includes('handshake')) continue;
    nodes.push(node);
    const slots = owned.filter((range) => !range.startsWith('[')).map(readRange);
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

function readAddress(address: string, asked: RedisNode, byName: boolean): RedisNode | undefined {
  const [endpoint = '', hostname] = address.split(',');
  const [written = ''] = endpoint.split('@');
  const colon = written.lastIndexOf(':');
  const port = Number(written.slice(colon + 1));
  if (colon < 0 || !(port > 0)) return undefined;
  const ip = written.slice(0, colon) || asked.host;
  return { host: byName && hostname ? hostname : ip, port };
}

function readRange(range: string): readonly [number, number] {
  const [first = '', last = first] = range.split('-');
  return [Number(first), Number(last)];
}
