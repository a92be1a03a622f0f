import type { EmitTarget } from './load.js';

export const GROUPS = ['g0', 'g1', 'g2', 'g3', 'g4', 'g5'];
/** A group that one client of each server joins and leaves all the time. */
export const RESTLESS_GROUP = 'restless';
const USERS = 4;

export function userIdOf(client: number): string {
  return `u${client % USERS}`;
}

/** A client's groups, which overlap with other clients' groups. */
export function groupsOf(client: number): string[] {
  return GROUPS.filter((_, group) =>
    [client, client + 1, client * 2].some((mine) => mine % GROUPS.length === group),
  );
}

/** Targets of all kinds, including overlapping groups. */
export function mixOf(clientsPerServer: number): EmitTarget[] {
  // With many clients, emits to all are rarer so that the machine can sustain the rate.
  const all = Array.from({ length: clientsPerServer > 20 ? 1 : 3 }, (): EmitTarget => ({ kind: 'all' }));
  const groups = [...GROUPS, RESTLESS_GROUP].map((name): EmitTarget => ({ kind: 'groups', names: [name] }));
  const overlapping: EmitTarget[] = [
    { kind: 'groups', names: ['g0', 'g1'] },
    { kind: 'groups', names: ['g2', 'g3', 'g4'] },
  ];
  const users = Array.from({ length: USERS }, (_, user): EmitTarget => ({
    kind: 'user',
    name: userIdOf(user),
  }));
  return [...all, ...groups, ...groups, ...overlapping, ...users];
}
