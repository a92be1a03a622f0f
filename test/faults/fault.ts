import type { Farm, FarmOptions } from './farm.js';
import type { Expectation } from './judge.js';

/** How long a fault lasts, in milliseconds. The short form is as short as the fault allows. */
export interface Lasting {
  readonly short: number;
  readonly full: number;
}

export type Form = keyof Lasting;

export interface Fault extends Expectation {
  /** Options of the farm that the fault needs. By default, three servers connect directly to one Redis. */
  readonly farm?: Partial<Pick<FarmOptions, 'wiring' | 'absent' | 'clientsPerServer'>>;
  readonly lasts: Lasting;
  /** Runs the fault and marks when it begins and when Redis is reachable again. */
  run(farm: Farm, lastsMs: number, form: Form): Promise<void>;
}
