/** A time in which something of a server may have been missed. */
export interface Gap {
  readonly from: number;
  readonly to: number;
}

/** What a server tells of its publisher link: how often it led to another Redis node, and when it did so last. */
export interface Move {
  readonly count: number;
  /** When the link to the node before was lost. */
  readonly leftAt: number;
  /** When the link to the present node was there. */
  readonly arrivedAt: number;
}

/** Counts how often a server's publisher link has led to another node than before. */
export class Moves {
  private node: string | undefined;
  private lostAt = 0;
  private last: Move = { count: 0, leftAt: 0, arrivedAt: 0 };

  constructor(private readonly now: () => number) {}

  get latest(): Move {
    return this.last;
  }

  linkLost(): void {
    this.lostAt = this.now();
  }

  /** @param node `undefined` where nothing tells one node from another */
  linkUp(node: string | undefined): void {
    if (this.node !== undefined && node !== undefined && node !== this.node)
      this.last = { count: this.last.count + 1, leftAt: this.lostAt, arrivedAt: this.now() };
    this.node = node ?? this.node;
  }
}

/**
 * What a server that moved together with another one has missed of it beside its own deafness: what the other one published on
 * the new node before this server left the old one, and what it published on the old node when this server was on the new
 * one already.
 *
 * @param own when this server lost its subscriber link, and since when it hears itself again; `undefined` while it does not
 */
export function missedWhileMoving(
  own: { readonly lostAt: number; readonly hearsSince: number | undefined },
  { arrivedAt, leftAt }: Omit<Move, 'count'>,
): Gap[] {
  const gaps = [
    { from: arrivedAt, to: own.lostAt },
    { from: own.hearsSince ?? Infinity, to: leftAt },
  ];
  return gaps.filter(({ from, to }) => from < to);
}
