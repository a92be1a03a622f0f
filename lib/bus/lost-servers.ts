import { filter, map, type Observable } from 'rxjs';
import type { PeerChange } from './bus.js';

/** The servers that said goodbye or timed out. */
export function lostServers(changes$: Observable<PeerChange>): Observable<string> {
  return changes$.pipe(
    filter(({ change }) => change === 'goodbye' || change === 'silent'),
    map(({ serverId }) => serverId),
  );
}
