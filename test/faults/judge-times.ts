import type { Facts, Mark, Time } from './facts.js';

type Sign = 'socket' | 'silence' | 'peers';

/** How long the slowest affected server took. Infinity if one never did it. */
export interface Duration {
  readonly ms: number;
  /**
   * The same minus each server's longest stall. A stalled server cannot judge, and on a busy machine the stall may
   * fall on the moment at which it would.
   */
  readonly awakeMs: number;
}

/** The time from the fault's beginning until it is noticed. */
export function untilNoticed(facts: Facts, sign: Sign): Duration {
  return longest(facts, 'begin', (server, at) => noticedAt(facts, sign, server, at));
}

/** The time from Redis being reachable again until the servers are ready. */
export function untilReady(facts: Facts): Duration | undefined {
  if (!facts.marks.some(({ what }) => what === 'reachable')) return undefined;
  return longest(facts, 'reachable', (server, at) => readyAt(facts, server, at));
}

function longest(facts: Facts, what: Mark['what'], timeOf: (server: number, at: Time) => Time): Duration {
  const durations = facts.marks
    .filter((mark) => mark.what === what)
    .flatMap(({ servers, at }) => servers.map((server) => ({ server, ms: timeOf(server, at) - at })));
  const slowest = (values: readonly number[]): number => Math.round(Math.max(0, ...values));
  return {
    ms: slowest(durations.map(({ ms }) => ms)),
    awakeMs: slowest(durations.map(({ server, ms }) => ms - (facts.stallsMs[server] ?? 0))),
  };
}

function noticedAt(facts: Facts, sign: Sign, server: number, begin: Time): Time {
  const before = lastStanding(facts, server, begin);
  const own = facts.standings.filter((standing) => standing.server === server && standing.at >= begin);
  if (sign === 'peers')
    return Math.min(Infinity, ...own.filter(({ peers }) => peers < (before?.peers ?? 0)).map(({ at }) => at));
  // A server that is not ready is still in an earlier outage, which it has noticed.
  if (before?.state !== 'ready') return begin;
  const failures = facts.failures.filter((failure) => failure.server === server && failure.at >= begin);
  const unready = own.filter(({ state }) => state !== 'ready');
  return Math.min(Infinity, ...[...failures, ...unready].map(({ at }) => at));
}

/** A server that has not noticed the fault yet cannot be ready again, even if its status says so. */
function readyAt(facts: Facts, server: number, reachable: Time): Time {
  const begin = Math.max(
    ...facts.marks
      .filter(({ what, at, servers }) => what === 'begin' && at <= reachable && servers.includes(server))
      .map(({ at }) => at),
  );
  const after = Math.max(reachable, noticedAt(facts, 'silence', server, begin));
  if (lastStanding(facts, server, after)?.state === 'ready') return after;
  const ready = facts.standings.filter(
    (standing) => standing.server === server && standing.at > after && standing.state === 'ready',
  );
  return Math.min(Infinity, ...ready.map(({ at }) => at));
}

function lastStanding(facts: Facts, server: number, at: Time): Facts['standings'][number] | undefined {
  return facts.standings.findLast((standing) => standing.server === server && standing.at <= at);
}
