import { type Observable, filter, firstValueFrom, timeout } from 'rxjs';
import { vi } from 'vitest';

const DEADLINE_MS = 10_000;

/** Resolves with the first matching value. Rejects on a timeout or if the observable completes first. */
export function next<T>(
  source: Observable<T>,
  matches: (value: T) => boolean = () => true,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  return firstValueFrom(source.pipe(filter(matches), timeout(deadlineMs)));
}

/** Collects everything that the observable emits from now on. */
export function collect<T>(source: Observable<T>): { readonly values: T[]; readonly completed: boolean } {
  const collected = { values: [] as T[], completed: false };
  source.subscribe({
    next: (value) => collected.values.push(value),
    complete: () => (collected.completed = true),
  });
  return collected;
}

/** Polls until the assertion holds, for conditions that no event announces. */
export async function eventually(holds: () => unknown): Promise<void> {
  await vi.waitFor(holds, { timeout: DEADLINE_MS, interval: 10 });
}
