import type { Farm, FarmOptions } from './farm.js';
import type { Expectation } from './judge.js';

/** How long a fault lasts: less in the short form, as far as the fault stays the same. */
export interface Lasting {
  readonly short: number;
  readonly full: number;
}

export type Form = keyof Lasting;

export interface Fault extends Expectation {
  /** How the farm must be made for it; three servers directly on one Redis otherwise. */
  readonly farm?: Partial<Pick<FarmOptions, 'wiring' | 'absent' | 'clientsPerServer'>>;
  readonly lasts: Lasting;
  /** Does it, and marks when it begins and when Redis is reachable again. */
  run(farm: Farm, lastsMs: number, form: Form): Promise<void>;
}
