/*
 * The message of every contestant: one event, `m`, whose data has the same length for every message of a scenario. So the
 * load client finds group, number and time at fixed offsets and can check a million messages a second.
 *
 *   {"g":"0007","n":"00000042","t":"0000012345678901","p":"xxx…"}
 */
const GROUP_DIGITS = 4;
const NUMBER_DIGITS = 8;
const TIME_DIGITS = 16;

export const EVENT = 'm';
/** The text right before the digits of the group. */
export const MARK = '"g":"';
export const NUMBER_AT = GROUP_DIGITS + '","n":"'.length;
export const TIME_AT = NUMBER_AT + NUMBER_DIGITS + '","t":"'.length;

export interface MessageData {
  readonly g: string;
  readonly n: string;
  readonly t: string;
  readonly p: string;
}

/** Makes the messages of a scenario. Numbers rise by one per group. */
export class Messages {
  private readonly numbers: number[] = [];
  private readonly padding: string;
  private time = '';

  constructor(bytes: number) {
    const bare = JSON.stringify({
      g: digits(0, GROUP_DIGITS),
      n: digits(0, NUMBER_DIGITS),
      t: digits(0, TIME_DIGITS),
      p: '',
    });
    this.padding = 'x'.repeat(Math.max(0, bytes - bare.length));
  }

  /**
   * Sets the time of the next messages. Once per turn, because formatting a clock's digits costs as much as a short
   * message.
   */
  now(): void {
    this.time = digits(microseconds(), TIME_DIGITS);
  }

  next(group: number): MessageData {
    const number = (this.numbers[group] ?? 0) + 1;
    this.numbers[group] = number;
    return {
      g: digits(group, GROUP_DIGITS),
      n: digits(number, NUMBER_DIGITS),
      t: this.time,
      p: this.padding,
    };
  }
}

export function groupAt(bytes: Buffer, offset: number): number {
  return parseDigits(bytes, offset, GROUP_DIGITS);
}

export function numberAt(bytes: Buffer, offset: number): number {
  return parseDigits(bytes, offset + NUMBER_AT, NUMBER_DIGITS);
}

export function timeAt(bytes: Buffer, offset: number): number {
  return parseDigits(bytes, offset + TIME_AT, TIME_DIGITS);
}

/** The machine's monotonic clock, which all processes share. */
export function microseconds(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

function digits(value: number, count: number): string {
  return String(value).padStart(count, '0');
}

function parseDigits(bytes: Buffer, offset: number, count: number): number {
  let value = 0;
  for (let index = offset; index < offset + count; index++)
    value = value * 10 + ((bytes[index] as number) - 48);
  return value;
}
