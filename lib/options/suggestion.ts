/** The maximum Levenshtein distance of a suggestion: two letters that are wrong, missing or extra, or one swapped pair. */
const MAX_DISTANCE = 2;

/** The most similar candidate, if one is similar enough. */
export function suggestion(written: string, candidates: readonly string[]): string | undefined {
  const word = written.toLowerCase();
  const near = candidates
    .map((candidate) => ({ candidate, distance: distance(word, candidate.toLowerCase()) }))
    .filter(({ candidate, distance: apart }) => apart <= Math.min(MAX_DISTANCE, candidate.length / 3))
    .sort((a, b) => a.distance - b.distance);
  return near[0]?.candidate;
}

/** `; did you mean '…'?` with the most similar candidate, or an empty string if none is similar enough. */
export function didYouMean(written: string, candidates: readonly string[]): string {
  const meant = suggestion(written, candidates);
  return meant === undefined ? '' : `; did you mean '${meant}'?`;
}

/** The Levenshtein distance, computed row by row. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const replaced = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
