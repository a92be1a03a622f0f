/** With this many unread items, the server stops reading from the connection. As in ASP.NET Core. */
const MAX_WAITING = 10;

type Step = IteratorResult<unknown, undefined>;

interface Reader {
  readonly resolve: (step: Step) => void;
  readonly reject: (error: Error) => void;
}

/** A stream that a client uploads, for a single consumer. */
export class Upload implements AsyncIterableIterator<unknown, undefined> {
  private readonly items: unknown[] = [];
  private readonly readers: Reader[] = [];
  private end: { readonly error: Error | undefined } | undefined;
  private isHolding = false;

  constructor(
    /** Called with true when too many items wait, and with false when there is room again. */
    private readonly hold: (isHolding: boolean) => void,
  ) {}

  push(item: unknown): void {
    if (this.end) return;
    const reader = this.readers.shift();
    if (reader) reader.resolve({ done: false, value: item });
    else this.items.push(item);
    this.updateHold();
  }

  /** Ends the stream, with an error if the client or the connection failed. The consumer still gets the waiting items. */
  close(error?: Error): void {
    if (this.end) return;
    this.end = { error };
    for (const reader of this.readers.splice(0)) finish(reader, error);
  }

  next(): Promise<Step> {
    const step = new Promise<Step>((resolve, reject) => {
      const [item] = this.items;
      if (this.items.length > 0) {
        this.items.shift();
        this.updateHold();
        resolve({ done: false, value: item });
      } else if (this.end) finish({ resolve, reject }, this.end.error);
      else this.readers.push({ resolve, reject });
    });
    // A handler may read ahead. If the client fails before the handler awaits the item, that must not crash the process.
    step.catch(() => undefined);
    return step;
  }

  /** Called when the consumer stops reading. */
  return(): Promise<Step> {
    this.discard();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Drops the waiting items and ignores all further ones. */
  discard(): void {
    this.items.length = 0;
    this.close();
    this.updateHold();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private updateHold(): void {
    const isHolding = this.items.length >= MAX_WAITING;
    if (isHolding === this.isHolding) return;
    this.isHolding = isHolding;
    this.hold(isHolding);
  }
}

function finish({ resolve, reject }: Reader, error: Error | undefined): void {
  if (error) reject(error);
  else resolve({ done: true, value: undefined });
}
