/** A time in which messages of a server may have been missed. */
export interface Gap {
  readonly from: number;
  readonly to: number;
}

export interface Silence extends Gap {
  /** How long before `from` the message may have been sent that arrived at `from`, in milliseconds. */
  readonly lagMs: number;
}

/** The last move of a server's publisher link to another Redis node. */
export interface Move {
  /** How often the link has moved so far. */
  readonly count: number;
  /** When the link to the previous node was lost. */
  readonly leftAt: number;
  /** When the link to the current node was up. */
  readonly arrivedAt: number;
}

/** Counts how often this server's publisher link has moved to another Redis node. */
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

  /** @param node identifies the Redis node; `undefined` if it cannot be identified */
  linkUp(node: string | undefined): void {
    if (this.node !== undefined && node !== undefined && node !== this.node)
      this.last = { count: this.last.count + 1, leftAt: this.lostAt, arrivedAt: this.now() };
    this.node = node ?? this.node;
  }
}

/**
 * When this server missed messages of a peer, beyond its own deafness, because both moved to a new Redis node. It missed
 * what the peer published on the new node before this server left the old one, and what the peer published on the old
 * node after this server had arrived on the new one.
 *
 * @param own when this server lost its subscriber link, and since when it hears itself again (`undefined` while it does not)
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
