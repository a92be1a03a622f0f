import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, vi } from 'vitest';

type Line = readonly unknown[];

/** Captures what each test of a file logs through Nest's Logger, instead of printing it. */
export function useLog(): { readonly errors: Line[]; readonly warnings: Line[] } {
  const log = { errors: [] as Line[], warnings: [] as Line[] };
  // Restore it afterwards because all files of a worker share Nest's Logger.
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
