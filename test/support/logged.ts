import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, vi } from 'vitest';

type Line = readonly unknown[];

/** What the app logs in each test of a file, through Nest's Logger; it is kept from the output. */
export function useLog(): { readonly errors: Line[]; readonly warnings: Line[] } {
  const log = { errors: [] as Line[], warnings: [] as Line[] };
  // Files of one worker share Nest's Logger, so it is put back.
  let restore: () => void;
  beforeAll(() => {
    const spies = [
      vi.spyOn(Logger.prototype, 'error').mockImplementation((...line) => void log.errors.push(line)),
      vi.spyOn(Logger.prototype, 'warn').mockImplementation((...line) => void log.warnings.push(line)),
    ];
    restore = () => {
      for (const spy of spies) spy.mockRestore();
    };
  });
  beforeEach(() => {
    log.errors.length = 0;
    log.warnings.length = 0;
  });
  afterAll(() => restore());
  return log;
}
