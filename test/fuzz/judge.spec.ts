import { describe, expect, it } from 'vitest';
import type { ServerReport } from './fuzz-server.js';
import {
  FLAT_BYTES,
  isSettled,
  judge,
  MAX_DELAY_MS,
  MAX_TURN_CPU_MS,
  PEAK_BYTES,
  type Round,
} from './judge.js';

const healthy: ServerReport = {
  serverId: 'AAAAAAAAAAAA',
  worstDelayMs: 30,
  worstTurnCpuMs: 20,
  peakBytes: 100 * 2 ** 20,
  memory: 20 * 2 ** 20,
  connections: 2,
  counters: {},
  maps: { 'HeldInvocations.held': 0, 'Peers.known': 3 },
  faults: [],
  loggedLines: 0,
  loggedBytes: 0,
  loggedBeginnings: {},
};

function round(after: Partial<ServerReport> = {}, rest: Partial<Round> = {}): Round {
  const control = { worstDelayMs: 30, worstTurnCpuMs: 1, peakBytes: 0 };
  return {
    before: healthy,
    after: { ...healthy, ...after },
    control,
    witnesses: 2,
    seconds: 1,
    baseline: healthy,
    ...rest,
  };
}

describe('The judge of the fuzz test', () => {
  it('finds nothing wrong with a healthy server', () => {
    expect(judge(round())).toEqual([]);
  });

  it.each<[string, Partial<ServerReport>]>([
    ['an uncaught exception', { faults: ['uncaught exception: Error'] }],
    ['an event loop turn that uses too much CPU time', { worstTurnCpuMs: MAX_TURN_CPU_MS + 1 }],
    ['a blocked event loop', { worstDelayMs: MAX_DELAY_MS + 1 }],
    ['a memory peak', { peakBytes: PEAK_BYTES + 1 }],
    ['memory growth', { memory: healthy.memory + FLAT_BYTES + 1 }],
    ['a connection that is counted but closed', { connections: 3 }],
    ['an open connection that is not counted', { connections: 1 }],
    ['a map that keeps entries of closed connections', { maps: { 'HeldInvocations.held': 50 } }],
    ['a map that did not exist before', { maps: { 'Other.map': 50 } }],
    ['a flooded log', { loggedLines: 1000, loggedBytes: 50_000, loggedBeginnings: { 'A client': 1000 } }],
    ['a log with huge lines', { loggedLines: 10, loggedBytes: 10_000_000 }],
  ])('reports %s', (_what, after) => {
    expect(judge(round(after))).toHaveLength(1);
  });

  it('counts only the faults of this round', () => {
    const faults = ['uncaught exception: Error'];
    expect(judge(round({ faults }, { before: { ...healthy, faults } }))).toEqual([]);
  });

  it('ignores a delay that the idle process had too, but never CPU time', () => {
    const control = { worstDelayMs: 4000, worstTurnCpuMs: 1, peakBytes: 0 };
    expect(judge(round({ worstDelayMs: 9000 }, { control }))).toEqual([]);
    expect(judge(round({ worstTurnCpuMs: 9000 }, { control }))).toHaveLength(1);
  });

  it('allows a server to remember peers that are gone', () => {
    expect(judge(round({ maps: { 'Peers.known': 500 } }))).toEqual([]);
  });

  it('compares memory and maps only after the warm-up rounds', () => {
    const grown = { memory: 1e9, maps: { 'HeldInvocations.held': 500 } };
    expect(judge(round(grown, { baseline: undefined }))).toEqual([]);
  });

  it('treats a server as settled once only the witnesses are connected', () => {
    expect(isSettled(round())).toBe(true);
    expect(isSettled(round({ connections: 7 }))).toBe(false);
    expect(isSettled(round({ worstDelayMs: 1e6 }))).toBe(true);
  });
});
