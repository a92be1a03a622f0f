import type { BackplaneCounters } from 'nestjs-redis-backplane';
import type { Emit, Failure, GivenUp, Report, Standing, Step } from './facts.js';
import type { LoadPlan } from './load.js';
import type { Release } from './releases.js';
import type { Mechanism } from './switched-off.js';

/** How a server of the bench is started: JSON in the environment's `FAULT_SERVER`. */
export interface ServerSettings {
  readonly index: number;
  readonly prefix: string;
  readonly connection: string;
  /** Where one Redis is for each link, if it is one: another one for the subscriber where a fault wants it so. */
  readonly publisherPort: number;
  readonly subscriberPort: number;
  readonly abortConnect: boolean;
  /** The option `outage`. */
  readonly policy: Policy;
  /** Switched off, to see that the bench notices. */
  readonly without: readonly Mechanism[];
  readonly release: Release;
}

export const POLICIES = ['reject', 'local', 'buffer'] as const;
export type Policy = (typeof POLICIES)[number];

export function isPolicy(name: string): name is Policy {
  return (POLICIES as readonly string[]).includes(name);
}

export type Order =
  | { readonly order: 'load'; readonly plan: LoadPlan }
  /** Stop the load, and say the last of it to all. */
  | { readonly order: 'halt' }
  /** Emit so often a message of so many bytes to all, at once. */
  | { readonly order: 'burst'; readonly count: number; readonly bytes: number }
  /** Ask a client that never answers, and let it join; `ServerFacts.asks` tells how that ended. */
  | { readonly order: 'ask'; readonly connectionId: string }
  /** Tell all that is not told yet. */
  | { readonly order: 'tell' };

export interface AskEnd {
  readonly call: 'invoke' | 'command' | 'invokeAll';
  readonly at: number;
  /** The error's name, or the servers that are missing. */
  readonly end: string;
}

export type Dropped = Pick<BackplaneCounters, 'malformed' | 'unknownVersion'>;

/** What a server has seen since it last told. */
export interface ServerFacts {
  readonly toldAt: number;
  readonly emits: Emit[];
  readonly steps: Step[];
  /** Origins are server ids: the farm knows whose. */
  readonly reports: (Omit<Report, 'origin'> & { readonly origin: string | undefined })[];
  readonly standings: Standing[];
  readonly failures: Failure[];
  readonly givenUp: GivenUp[];
  readonly asks: AskEnd[];
  readonly unhandled: string[];
  /** What came and could not be read, since the server's start. */
  readonly dropped: Dropped;
  readonly stalledMs: number;
}

export type Notice =
  | { readonly notice: 'listening'; readonly port: number; readonly serverId: string }
  | { readonly notice: 'facts'; readonly facts: ServerFacts; readonly answer: boolean }
  | { readonly notice: 'burst'; readonly ends: readonly string[] };
