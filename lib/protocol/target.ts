/** Connections that an emit includes or excludes: all connections of a path, a group, a user's, or a single one. */
export interface TargetRef {
  readonly kind: TargetKind;
  /** The name of the group, or the id of the user or connection; empty for `all`. */
  readonly name: string;
}

export type TargetKind = 'all' | 'group' | 'user' | 'connection';

/** The recipients of an emit: the union of `targets` without the union of `excluded`. */
export interface Address {
  /** The gateway's path, as `pathKey` formats it. */
  readonly path: string;
  readonly targets: readonly TargetRef[];
  readonly excluded: readonly TargetRef[];
}

export const ALL: TargetRef = { kind: 'all', name: '' };
