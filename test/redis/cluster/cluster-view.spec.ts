import { describe, expect, it } from 'vitest';
import { ownerOf, parseClusterNodes } from '../../../lib/redis/cluster/cluster-view.js';

const QUERIED = { host: '10.0.0.9', port: 7000 };

const lines = (...nodes: readonly string[]): string =>
  nodes.map((node, index) => `${`${index}`.repeat(40)} ${node}\n`).join('');

const WHOLE = lines(
  '10.0.0.1:7001@17001,one.example myself,master - 0 0 1 connected 0-5460',
  '10.0.0.2:7002@17002,two.example master - 0 1700000000000 2 connected 5461-10922 16000',
  'fd00::3:7003@17003 master - 0 1700000000000 3 connected 10923-15999 16001-16383',
  '10.0.0.4:7004@17004,,shard-id=ab slave 0000000000000000000000000000000000000000 0 0 1 connected',
  ':0@0 master,noaddr - 1700000000000 1700000000000 0 disconnected',
  '10.0.0.6:7006@17006 handshake - 0 0 0 connected',
);

describe('the reply of CLUSTER NODES', () => {
  it('lists the masters that own slots, and every node that can be queried', () => {
    const view = parseClusterNodes(WHOLE, QUERIED, false);
    expect(view.masters.map(({ host, port }) => `${host} ${port}`)).toEqual([
      '10.0.0.1 7001',
      '10.0.0.2 7002',
      'fd00::3 7003',
    ]);
    expect(view.nodes.map(({ port }) => port)).toEqual([7001, 7002, 7003, 7004]);
    expect(view.hasQuorum).toBe(true);
  });

  it('yields the owner of each slot', () => {
    const view = parseClusterNodes(WHOLE, QUERIED, false);
    const ports = [0, 5460, 5461, 10_922, 10_923, 15_999, 16_000, 16_001, 16_383].map(
      (slot) => ownerOf(view, slot)?.port,
    );
    expect(ports).toEqual([7001, 7001, 7002, 7002, 7003, 7003, 7002, 7003, 7003]);
    expect(ownerOf(parseClusterNodes('', QUERIED, false), 0)).toBeUndefined();
  });

  it('leaves a slot with its old owner while it migrates', () => {
    const moving = lines(
      '10.0.0.1:7001@17001 myself,master - 0 0 1 connected 0-16383 [93->-1111111111111111111111111111111111111111]',
      '10.0.0.2:7002@17002 master - 0 0 2 connected [93-<-0000000000000000000000000000000000000000]',
    );
    const view = parseClusterNodes(moving, QUERIED, false);
    expect(view.masters).toHaveLength(1);
    expect(ownerOf(view, 93)?.port).toBe(7001);
  });

  it('yields the announced hostnames on request', () => {
    const hosts = parseClusterNodes(WHOLE, QUERIED, true).nodes.map(({ host }) => host);
    expect(hosts).toEqual(['one.example', 'two.example', 'fd00::3', '10.0.0.4']);
  });

  it('uses the host that was queried for a node that does not know its own address', () => {
    const { nodes } = parseClusterNodes(
      lines(':7000@17000 myself,master - 0 0 0 connected 0-16383'),
      QUERIED,
      false,
    );
    expect(nodes).toEqual([{ host: '10.0.0.9', port: 7000 }]);
  });

  it('has no quorum if the queried node cannot reach most of the masters', () => {
    const island = WHOLE.replace('two.example master', 'two.example master,fail?').replace(
      '17003 master',
      '17003 master,fail',
    );
    expect(parseClusterNodes(island, QUERIED, false).hasQuorum).toBe(false);
  });
});
