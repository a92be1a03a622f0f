import type { Address, TargetKind, TargetRef } from '../protocol/target.js';

/**
 * The recipients of a recorded emit. Its keys are the calls that made the target, so `server.group('tea').except(id)` is
 * `{ group: ['tea'], except: [id] }`. A key that was not called is absent. A target without `all`, `group`, `user` and
 * `connection` addresses nobody.
 */
export interface RecordedTarget {
  /** All connections of the path. */
  readonly all?: true;
  readonly group?: readonly string[];
  readonly user?: readonly string[];
  readonly connection?: readonly string[];
  /** The ids of excluded connections. */
  readonly except?: readonly string[];
  readonly exceptGroup?: readonly string[];
  readonly local?: true;
  readonly volatile?: true;
}

export function recordedTarget(
  { targets, excluded }: Address,
  { local, volatile }: { local: boolean; volatile: boolean },
): RecordedTarget {
  return {
    ...(targets.some(({ kind }) => kind === 'all') && { all: true }),
    ...named('group', namesOf('group', targets)),
    ...named('user', namesOf('user', targets)),
    ...named('connection', namesOf('connection', targets)),
    ...named('except', namesOf('connection', excluded)),
    ...named('exceptGroup', namesOf('group', excluded)),
    ...(local && { local: true }),
    ...(volatile && { volatile: true }),
  };
}

function namesOf(kind: TargetKind, refs: readonly TargetRef[]): string[] {
  return [...new Set(refs.filter((ref) => ref.kind === kind).map(({ name }) => name))];
}

function named(key: keyof RecordedTarget, names: readonly string[]): RecordedTarget {
  return names.length > 0 ? { [key]: names } : {};
}
