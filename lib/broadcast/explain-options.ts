import { InvalidArgumentError } from '../protocol/invalid-argument.error.js';
import { checkData, checkEvent } from './arguments.js';

/** The options of `explain`. */
export interface ExplainOptions {
  /** The event of the emit, for its size. */
  readonly event?: string;
  /** The data of the emit, for its size. */
  readonly data?: unknown;
  /** How many ids of connections each server lists, from 0 to 1000. @default 10 */
  readonly sample?: number;
}

const DEFAULT_SAMPLE = 10;
const MAX_SAMPLE = 1000;
const NAMES: readonly string[] = ['event', 'data', 'sample'] satisfies (keyof ExplainOptions)[];

/** @throws InvalidArgumentError */
export function checkExplainOptions(options: ExplainOptions): { message: object; sample: number } {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new InvalidArgumentError('options', 'an object such as { sample: 100 }, or a target', given);
  const unknown = Object.keys(given).find((key) => !NAMES.includes(key));
  if (unknown !== undefined)
    throw new InvalidArgumentError('options', `only the options ${NAMES.join(', ')}`, unknown);
  const {
    event = 'event',
    data,
    sample = DEFAULT_SAMPLE,
  }: Partial<Record<keyof ExplainOptions, unknown>> = given;
  checkEvent(event);
  checkData(data);
  if (typeof sample !== 'number' || !Number.isInteger(sample) || sample < 0 || sample > MAX_SAMPLE)
    throw new InvalidArgumentError('sample', `an integer from 0 to ${MAX_SAMPLE}`, sample);
  return { message: { event, data }, sample };
}
