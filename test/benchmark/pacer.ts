/** Emit `rate` messages per second in bursts of `burst`. */
export interface Pace {
  readonly rate: number;
  readonly burst: number;
  readonly seconds: number;
}

/** Calls `emit` for each burst that is due, each in its own event loop turn, even if a timer is late. */
export function paced({ rate, burst, seconds }: Pace, emit: (count: number) => void): Promise<void> {
  const bursts = Math.round((rate * seconds) / burst);
  const intervalMs = (1000 * burst) / rate;
  const begin = performance.now();
  let done = 0;
  return new Promise((resolve) => {
    const turn = (): void => {
      emit(burst);
      if (++done === bursts) return resolve();
      const dueInMs = begin + done * intervalMs - performance.now();
      if (dueInMs > 0) setTimeout(turn, dueInMs);
      else setImmediate(turn);
    };
    turn();
  });
}

/**
 * Emits as fast as deliveries follow. It is never more than `ahead` seconds ahead of the slowest socket, so no message
 * waits longer than that.
 */
export class Flood {
  private static readonly FIRST_WINDOW = 100;
  private readonly begin = performance.now();
  private sent = 0;
  private received = 0;
  private wake: () => void = () => undefined;

  constructor(
    private readonly burst: number,
    private readonly ahead: number,
  ) {}

  /** Reports how many messages of this flood the slowest socket has received. */
  progress(received: number): void {
    this.received = received;
    this.wake();
  }

  async run(seconds: number, emit: (count: number) => void): Promise<number> {
    const end = this.begin + seconds * 1000;
    while (performance.now() < end) {
      if (this.sent - this.received >= this.window) {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
          setTimeout(resolve, end - performance.now());
        });
        continue;
      }
      emit(this.burst);
      this.sent += this.burst;
      await new Promise((resolve) => setImmediate(resolve));
    }
    return this.sent;
  }

  private get window(): number {
    const perSecond = (1000 * this.received) / (performance.now() - this.begin);
    return Math.max(Flood.FIRST_WINDOW, this.ahead * perSecond);
  }
}
