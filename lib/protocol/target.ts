/** Whom an emit addresses, or leaves out: all connections of a path, or those of one group, user or id. */
export interface TargetRef {
  readonly kind: TargetKind;
  /** The group's name, the user's id, the connection's id; empty for `all`. */
  readonly name: string;
}

export type TargetKind = 'all' | 'group' | 'user' | 'connection';

/** Everything that says who receives: the union of `targets`, less the union of `excluded`. */
export interface Address {
  /** The gateway's path, as {@link pathKey} writes it. */
  readonly path: string;
  readonly targets: readonly TargetRef[];
  readonly excluded: readonly TargetRef[];
}

export const ALL: TargetRef = { kind: 'all', name: '' };
