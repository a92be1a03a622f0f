/** With this many waiting items in one upload, the server stops reading from the connection. As in ASP.NET Core. */
const MAX_WAITING = 10;

type Step = IteratorResult<unknown, undefined>;

interface Item {
  readonly value: unknown;
  /** The size of the message that brought it. */
  readonly bytes: number;
}

/** What waits in all uploads of a connection. Decides whether the server reads from it. */
export class UploadBacklog {
  private bytes = 0;
  /** How many uploads are full. */
  private full = 0;
  private isHolding = false;

  constructor(
    private readonly maxBytes: number,
    /** Called with true when too much waits, and with false when there is room again. */
    private readonly hold: (isHolding: boolean) => void,
  ) {}

  /** Called when items of an upload were added or taken, with the difference in bytes and in full uploads. */
  change(bytes: number, full: number): void {
    this.bytes += bytes;
    this.full += full;
    const isHolding = this.full > 0 || this.bytes > this.maxBytes;
    if (isHolding === this.isHolding) return;
    this.isHolding = isHolding;
    this.hold(isHolding);
  }
}

interface Reader {
  readonly resolve: (step: Step) => void;
  readonly reject: (error: Error) => void;
}

/** A stream that a client uploads, for a single consumer. */
export class Upload implements AsyncIterableIterator<unknown, undefined> {
  private readonly items: Item[] = [];
  private readonly readers: Reader[] = [];
  private end: { readonly error: Error | undefined } | undefined;
  private isFull = false;

  constructor(private readonly backlog: UploadBacklog) {}

  /** @param bytes the size of the message that brought the item */
  push(value: unknown, bytes: number): void {
    if (this.end) return;
    const reader = this.readers.shift();
    if (reader) return reader.resolve({ done: false, value });
    this.items.push({ value, bytes });
    this.changed(bytes);
  }

  /** Ends the stream, with an error if the client or the connection failed. The consumer still gets the waiting items. */
  close(error?: Error): void {
    if (this.end) return;
    this.end = { error };
    for (const reader of this.readers.splice(0)) finish(reader, error);
  }

  next(): Promise<Step> {
    const step = new Promise<Step>((resolve, reject) => {
      const item = this.items.shift();
      if (item) {
        this.changed(-item.bytes);
        resolve({ done: false, value: item.value });
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
    this.close();
    const dropped = this.items.splice(0);
    this.changed(-dropped.reduce((sum, { bytes }) => sum + bytes, 0));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** @param bytes by how much the waiting bytes have changed */
  private changed(bytes: number): void {
    const isFull = this.items.length >= MAX_WAITING;
    this.backlog.change(bytes, Number(isFull) - Number(this.isFull));
    this.isFull = isFull;
  }
}

function finish({ resolve, reject }: Reader, error: Error | undefined): void {
  if (error) reject(error);
  else resolve({ done: true, value: undefined });
}
