import type { Facts, Report, Time } from './facts.js';
import type { Farm } from './farm.js';

/** Merges what the servers and clients recorded since the load began. */
export function factsOf(farm: Farm, run: Pick<Facts, 'begin' | 'end' | 'targets'> & { since: Time }): Facts {
  const { since, ...rest } = run;
  const told = farm.servers.flatMap(({ facts }) => facts);
  const recent = told.filter(({ toldAt }) => toldAt >= since);
  const origins = new Map(farm.servers.map(({ serverId, settings: { index } }) => [serverId, index]));
  return {
    ...rest,
    emits: told.flatMap(({ emits }) => emits).filter(({ call }) => call >= since),
    steps: told.flatMap(({ steps }) => steps),
    standings: told.flatMap(({ standings }) => standings),
    failures: told.flatMap(({ failures }) => failures),
    givenUp: told.flatMap(({ givenUp }) => givenUp).filter(({ at }) => at >= since),
    unhandled: recent.flatMap(({ unhandled }) => unhandled),
    reports: told
      .flatMap(({ reports }) => reports)
      .filter(({ at }) => at >= since)
      .map((report): Report => ({
        ...report,
        origin: report.origin === undefined ? undefined : (origins.get(report.origin) ?? -1),
      })),
    clients: farm.clients.map(({ facts }) => facts),
    marks: farm.marks,
    checks: farm.checks,
    unreadable: farm.unreadable,
    absence: farm.absence,
    standstills: farm.standstills,
    exits: farm.servers.filter(({ hasFailed }) => hasFailed).length,
    stallsMs: farm.servers.map(({ facts }) =>
      facts
        .filter(({ toldAt }) => toldAt >= since)
        .reduce((longest, { stalledMs }) => Math.max(longest, stalledMs), 0),
    ),
  };
}
