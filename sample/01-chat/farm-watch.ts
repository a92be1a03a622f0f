import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { type BackplaneStatus, RedisBackplane } from 'nestjs-redis-backplane';
import { BehaviorSubject, exhaustMap, merge, type Observable, Subject, takeUntil, timer } from 'rxjs';
import type { FarmServer, FarmStates } from './chat.events.js';

const INTERVAL_MS = 1000;

/**
 * Tells the pages which servers are cut off from Redis. It asks each server over HTTP once a second, because a server
 * that is cut off cannot say so through the backplane. Only the picture on the page needs this; a chat does not.
 */
@Injectable()
export class FarmWatch implements OnApplicationBootstrap, OnApplicationShutdown {
  /** From `FARM`: `Lima=http://127.0.0.1:3001 Perth=http://127.0.0.1:3002` */
  readonly servers: readonly Required<FarmServer>[];
  private readonly known = new BehaviorSubject<FarmStates>({});
  private readonly stopped = new Subject<void>();

  constructor(
    private readonly backplane: RedisBackplane,
    config: ConfigService,
  ) {
    const farm = config.get<string>('FARM', '');
    this.servers = [...farm.matchAll(/([^\s=]+)=(\S+)/g)].map(([, name = '', url = '']) => ({ name, url }));
  }

  /** The latest answers. */
  get states(): FarmStates {
    return this.known.value;
  }

  /** The latest answers, now and after each question. */
  get states$(): Observable<FarmStates> {
    return this.known;
  }

  onApplicationBootstrap(): void {
    if (this.servers.length === 0) return;
    // A change here is likely to be one everywhere.
    merge(timer(0, INTERVAL_MS), this.backplane.status$)
      .pipe(
        exhaustMap(() => this.ask()),
        takeUntil(this.stopped),
      )
      .subscribe((states) => this.known.next(states));
  }

  onApplicationShutdown(): void {
    this.stopped.next();
    this.known.complete();
  }

  private async ask(): Promise<FarmStates> {
    const asked = this.servers.map(async ({ name, url }) => [name, await stateOf(url)] as const);
    return Object.fromEntries(await Promise.all(asked));
  }
}

async function stateOf(url: string): Promise<FarmStates[string]> {
  try {
    const response = await fetch(new URL('/health/state', url), { signal: AbortSignal.timeout(INTERVAL_MS) });
    return ((await response.json()) as Pick<BackplaneStatus, 'state'>).state;
  } catch {
    return 'gone';
  }
}
