import { type Observable, filter, firstValueFrom, map, race } from 'rxjs';
import { type Clock, elapsed } from './clock.js';
import { andMore } from './subscription-reports.js';

/**
 * The status of this server's connection to the other servers.
 *
 * - `connecting`: no connection to Redis yet
 * - `subscribing`: connected; channels are being subscribed, and this server has not heard itself yet
 * - `ready`: every wanted channel is subscribed, and this server has heard itself through Redis
 * - `degraded`: works in part; `reason` says what does not work
 * - `reconnecting`: Redis was lost or was never reached; `attempt` counts from 1, `nextDelayMs` is the wait before the next attempt
 * - `closed`: the app is shutting down
 */
export type BackplaneStatus =
  | { readonly state: 'connecting' | 'subscribing' | 'ready' | 'closed' }
  | { readonly state: 'degraded'; readonly reason: string }
  | { readonly state: 'reconnecting'; readonly attempt: number; readonly nextDelayMs: number };

/** The facts that determine the status. */
export interface StatusFacts {
  readonly closed: boolean;
  readonly linksUp: boolean;
  /** The current or next connection attempt; `undefined` before the first failure. */
  readonly retry: { readonly attempt: number; readonly nextDelayMs: number } | undefined;
  /** Whether every channel that was wanted when the links came up is subscribed or refused. */
  readonly subscribed: boolean;
  /** Whether this server has heard itself since then. */
  readonly echoed: boolean;
  /** How many channels Redis refuses because of a missing permission, and one of them. */
  readonly denied: { readonly count: number; readonly first: string | undefined };
}

/** The one place that decides the status. */
export function decideStatus(facts: StatusFacts): BackplaneStatus {
  if (facts.closed) return { state: 'closed' };
  if (!facts.linksUp)
    return facts.retry ? { state: 'reconnecting', ...facts.retry } : { state: 'connecting' };
  if (!facts.subscribed) return { state: 'subscribing' };
  const { first, count } = facts.denied;
  if (first !== undefined)
    return {
      state: 'degraded',
      reason: `Redis refuses to let this server subscribe ${andMore(first, count)}`,
    };
  return { state: facts.echoed ? 'ready' : 'subscribing' };
}

/** From worst to best. `closed` is the worst, because a bus that is closed in part is closing. */
const RANKS: readonly BackplaneStatus['state'][] = [
  'closed',
  'reconnecting',
  'connecting',
  'subscribing',
  'degraded',
  'ready',
];

/** The combined status of several buses that must all work. */
export function worstStatus(statuses: readonly BackplaneStatus[]): BackplaneStatus {
  const rank = ({ state }: BackplaneStatus): number => RANKS.indexOf(state);
  return statuses.reduce((worst, status) => (rank(status) < rank(worst) ? status : worst), {
    state: 'ready',
  });
}

/** Resolves with true once the status is `ready` or `degraded`, with false after `timeoutMs` or when closed. */
export function whenSettled(
  status$: Observable<BackplaneStatus>,
  timeoutMs: number,
  clock: Clock,
): Promise<boolean> {
  const settled = status$.pipe(
    filter(({ state }) => state === 'ready' || state === 'degraded' || state === 'closed'),
    map(({ state }) => state !== 'closed'),
  );
  const late = elapsed(clock, timeoutMs).pipe(map(() => false));
  return firstValueFrom(race(settled, late), { defaultValue: false });
}

export function sameStatus(a: BackplaneStatus, b: BackplaneStatus): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
