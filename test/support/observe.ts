import { type Observable, filter, firstValueFrom, timeout } from 'rxjs';
import { vi } from 'vitest';

const DEADLINE_MS = 10_000;

/** The first value that matches; fails when it does not come in time, or the observable completes before. */
export function next<T>(
  source: Observable<T>,
  matches: (value: T) => boolean = () => true,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  return firstValueFrom(source.pipe(filter(matches), timeout(deadlineMs)));
}

/** Everything that the observable tells from now on, while it tells it. */
export function collect<T>(source: Observable<T>): { readonly values: T[]; readonly completed: boolean } {
  const collected = { values: [] as T[], completed: false };
  source.subscribe({
    next: (value) => collected.values.push(value),
    complete: () => (collected.completed = true),
  });
  return collected;
}

/** Asks again and again until it holds, where no event tells. */
export async function eventually(holds: () => unknown): Promise<void> {
  await vi.waitFor(holds, { timeout: DEADLINE_MS, interval: 10 });
}
