import type { Facts } from '../faults/facts.js';

/** Lists everything that must not happen in a round without faults. */
export function unrest({
  begin,
  reports,
  standings,
  emits,
}: Pick<Facts, 'begin' | 'reports' | 'standings' | 'emits'>): string[] {
  const unready = standings.filter(({ at, state }) => at > begin && state !== 'ready');
  const refused = emits.filter(({ outcome }) => !['accepted', 'notNeeded'].includes(outcome));
  return [
    ...(reports.length > 0 ? [`${reports.length} reports in a calm round`] : []),
    ...(unready.length > 0 ? [`${unready.length} times not ready in a calm round`] : []),
    ...(refused.length > 0 ? [`${refused.length} emits not accepted in a calm round`] : []),
  ];
}
