import type { BackplaneCounters } from 'nestjs-redis-backplane';
import type { Emit, Failure, GivenUp, Report, Standing, Step } from './facts.js';
import type { LoadPlan } from './load.js';
import type { Release } from './releases.js';
import type { Mechanism } from './switched-off.js';

/** Settings of a server process, passed as JSON in the environment variable `FAULT_SERVER`. */
export interface ServerSettings {
  readonly index: number;
  readonly prefix: string;
  readonly connection: string;
  /** The Redis port of each link, unless sentinels or a cluster are used. Some faults need two different ports. */
  readonly publisherPort: number;
  readonly subscriberPort: number;
  readonly abortConnect: boolean;
  /** The option `outage`. */
  readonly policy: Policy;
  /** Mechanisms to switch off, to prove that the bench notices. */
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
  /** Stop the load, then emit `halted` to all. */
  | { readonly order: 'halt' }
  /** Emit `count` messages of `bytes` bytes to all at once. */
  | { readonly order: 'burst'; readonly count: number; readonly bytes: number }
  /** Invoke a client and let it join a group. `ServerFacts.asks` has the results. */
  | { readonly order: 'ask'; readonly connectionId: string }
  /** Send all facts not sent yet. */
  | { readonly order: 'tell' };

export interface AskEnd {
  readonly call: 'invoke' | 'command' | 'invokeAll';
  readonly at: number;
  /** The reply, the error's name or, for `invokeAll`, the ids of the missing servers. */
  readonly end: string;
}

export type Dropped = Pick<BackplaneCounters, 'malformed' | 'unknownVersion'>;

/** What a server has recorded since it last sent its facts. */
export interface ServerFacts {
  readonly toldAt: number;
  readonly emits: Emit[];
  readonly steps: Step[];
  /** Origins are server ids, which the farm maps to indexes. */
  readonly reports: (Omit<Report, 'origin'> & { readonly origin: string | undefined })[];
  readonly standings: Standing[];
  readonly failures: Failure[];
  readonly givenUp: GivenUp[];
  readonly asks: AskEnd[];
  readonly unhandled: string[];
  /** How many unreadable messages arrived since the server started. */
  readonly dropped: Dropped;
  readonly stalledMs: number;
}

export type Notice =
  | { readonly notice: 'listening'; readonly port: number; readonly serverId: string }
  | { readonly notice: 'facts'; readonly facts: ServerFacts; readonly answer: boolean }
  | { readonly notice: 'burst'; readonly ends: readonly string[] };
