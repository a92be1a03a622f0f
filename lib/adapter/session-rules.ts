import type { SessionEntry } from '../protocol/session-records.js';

/** Which of a user's connections may stay. */
export type SessionRule = { readonly keep: 'newest' } | { readonly keep: 'oldest'; readonly count: number };

/**
 * Connections that are younger than this count as simultaneous, and their ids decide. Their servers see each other's ages
 * with different delays, and must not each close the other's.
 */
const SIMULTANEOUS_MS = 2000;

/** The connections of one user that must close, so that the rule holds. All servers with the same list get the same result. */
export function surplusOf(entries: readonly SessionEntry[], rule: SessionRule): string[] {
  const oldestFirst = entries.toSorted(byAge).map(({ id }) => id);
  return rule.keep === 'newest' ? oldestFirst.slice(0, -1) : oldestFirst.slice(rule.count);
}

function byAge(a: SessionEntry, b: SessionEntry): number {
  const isOlder = a.ageMs >= SIMULTANEOUS_MS;
  if (isOlder !== b.ageMs >= SIMULTANEOUS_MS) return isOlder ? -1 : 1;
  if (isOlder && a.ageMs !== b.ageMs) return b.ageMs - a.ageMs;
  return a.id < b.id ? -1 : 1;
}
