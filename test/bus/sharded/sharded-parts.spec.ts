import { Subject } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';
import type { ConnectionFailure, ConnectionRestoration, PeerChange, PeerView } from '../../../lib/bus/bus.js';
import { lostServers } from '../../../lib/bus/lost-servers.js';
import { ShardedOutage } from '../../../lib/bus/sharded/sharded-outage.js';
import { ShardedPeers } from '../../../lib/bus/sharded/sharded-peers.js';
import { type BackplaneStatus, worstStatus } from '../../../lib/bus/status.js';
import { collect } from '../../support/observe.js';

/** The peers of one partition, controlled by the test. */
class ScriptedPeers implements PeerView {
  readonly alive = new Set<string>();
  readonly silent = new Set<string>();
  readonly changes$ = new Subject<PeerChange>();
  readonly lost$ = lostServers(this.changes$);
  readonly can = (): boolean => true;
  readonly whenHeardFor = vi.fn(() => Promise.resolve());

  hear(serverId: string, change: 'joined' | 'returned' = 'joined'): void {
    this.alive.add(serverId);
    this.changes$.next({ serverId, change });
  }

  lose(serverId: string): void {
    if (this.alive.delete(serverId)) this.changes$.next({ serverId, change: 'silent' });
  }
}

describe('the peers of all partitions', () => {
  function peersOf(count: number) {
    const parts = Array.from({ length: count }, () => new ScriptedPeers());
    const peers = new ShardedPeers(parts);
    return { parts, peers, lost: collect(peers.lost$) };
  }

  it('are alive if they are heard on every partition', () => {
    const { parts, peers } = peersOf(3);
    for (const { alive } of parts) alive.add('everywhere');
    parts[1]?.alive.add('somewhere');
    expect([...peers.alive]).toEqual(['everywhere']);
  });

  it('are lost once, with the first partition that loses them, and again after they returned', () => {
    const { parts, lost } = peersOf(3);
    for (let life = 1; life <= 2; life++) {
      for (const { alive } of parts) alive.add('server');
      for (const part of parts) part.lose('server');
      expect(lost.values).toEqual(Array(life).fill('server'));
    }
  });

  it('join with the last partition that hears them, and change once however many partitions lose and hear them', () => {
    const { parts, peers } = peersOf(3);
    const changes = collect(peers.changes$);
    for (const part of parts) part.hear('server');
    for (const part of parts) part.lose('server');
    for (const part of parts) part.hear('server', 'returned');
    parts[1]?.lose('server');
    parts[1]?.hear('server', 'returned');
    expect(changes.values.map(({ change }) => change)).toEqual([
      'joined',
      'silent',
      'returned',
      'silent',
      'returned',
    ]);
  });

  it('are not lost if they were never alive', () => {
    const { parts, lost } = peersOf(3);
    parts[1]?.alive.add('starting');
    parts[1]?.lose('starting');
    expect(lost.values).toEqual([]);
  });

  it('are silent if they are silent on any partition and not alive', () => {
    const { parts, peers } = peersOf(2);
    for (const { alive } of parts) alive.add('alive');
    parts[0]?.silent.add('alive').add('silent');
    expect([...peers.silent]).toEqual(['silent']);
  });

  it('have been heard long enough once every partition has heard them', async () => {
    const { parts, peers } = peersOf(3);
    await peers.whenHeardFor(7);
    for (const { whenHeardFor } of parts) expect(whenHeardFor).toHaveBeenCalledWith(7);
  });
});

describe('an outage of several partitions', () => {
  it('is reported as one, from the first failure to the last restoration', () => {
    let now = 0;
    const parts = Array.from({ length: 3 }, () => ({
      connectionFailed$: new Subject<ConnectionFailure>(),
      connectionRestored$: new Subject<ConnectionRestoration>(),
    }));
    const outage = new ShardedOutage(parts, () => now);
    const reports = [collect(outage.failed$), collect<unknown>(outage.restored$)] as const;
    const failure: ConnectionFailure = { link: 'subscriber', cause: new Error('first') };
    for (let run = 1; run <= 2; run++) {
      now = 1000;
      parts[0]?.connectionFailed$.next(failure);
      now = 1500;
      parts[1]?.connectionFailed$.next({ ...failure, cause: new Error('second') });
      now = 1800;
      parts[0]?.connectionRestored$.next({ downMs: 800, channelsRestored: 2 });
      expect(reports[1].values).toHaveLength(run - 1);
      now = 2000;
      parts[1]?.connectionRestored$.next({ downMs: 500, channelsRestored: 3 });
      expect(reports[0].values).toEqual(Array(run).fill(failure));
      expect(reports[1].values).toEqual(Array(run).fill({ downMs: 1000, channelsRestored: 5 }));
    }
    outage.close();
    expect(reports.map(({ completed }) => completed)).toEqual([true, true]);
  });
});

describe('the status of all partitions', () => {
  const ready: BackplaneStatus = { state: 'ready' };
  const degraded: BackplaneStatus = { state: 'degraded', reason: 'x' };
  const subscribing: BackplaneStatus = { state: 'subscribing' };
  const connecting: BackplaneStatus = { state: 'connecting' };
  const reconnecting: BackplaneStatus = { state: 'reconnecting', attempt: 1, nextDelayMs: 5 };
  const closed: BackplaneStatus = { state: 'closed' };

  it.each([
    [[ready, ready], ready],
    [[ready, degraded], degraded],
    [[degraded, subscribing, ready], subscribing],
    [[subscribing, connecting], connecting],
    [[connecting, reconnecting, ready], reconnecting],
    [[reconnecting, closed], closed],
  ])('%j is the worst of them', (statuses, worst) => {
    expect(worstStatus(statuses)).toEqual(worst);
    expect(worstStatus([...statuses].reverse())).toEqual(worst);
  });
});
