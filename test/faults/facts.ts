import type { ConnectionTarget, EmitTarget } from './load.js';

/** Times are milliseconds of the machine's monotonic clock; servers and clients are named by their index. */
export type Time = number;

/**
 * What became of an emit for the other servers. `refused`: it rejected with NotPublishedError; `unknown`: with
 * PublishOutcomeUnknownError; `failed`: with anything else; `pending`: it has not settled.
 */
export type Outcome =
  'accepted' | 'notNeeded' | 'skipped' | 'buffered' | 'refused' | 'unknown' | 'failed' | 'pending';

export interface Emit {
  readonly sender: number;
  /** Rises with every emit of the sender. */
  readonly number: number;
  /** Index among the load's targets. */
  readonly target: number;
  readonly call: Time;
  readonly settle: Time;
  readonly outcome: Outcome;
}

/** A client's way into a group or out of it, as its server saw it. */
export interface Step {
  readonly client: number;
  readonly group: string;
  readonly at: Time;
  /** `joined`: the join resolved; `leaving`: leave was called. */
  readonly what: 'joined' | 'leaving';
}

/** What `loss$` told. */
export interface Report {
  readonly server: number;
  readonly at: Time;
  readonly from: Time;
  readonly to: Time;
  readonly certainty: 'known' | 'possible';
  /** The server concerned; `undefined` for all of them, -1 for one that is not of the farm. */
  readonly origin: number | undefined;
  readonly targets: readonly { readonly kind: string; readonly name: string }[];
}

/** The server's status, or how many other servers it hears. */
export interface Standing {
  readonly server: number;
  readonly at: Time;
  readonly state: string;
  readonly peers: number;
}

/** Buffered messages that a server reported as given up. */
export interface GivenUp {
  readonly server: number;
  readonly at: Time;
  readonly count: number;
}

/** `connectionFailed$`. */
export interface Failure {
  readonly server: number;
  readonly at: Time;
  readonly cause: string;
}

export interface Received {
  readonly sender: number;
  readonly number: number;
}

export interface ClientFacts {
  readonly server: number;
  readonly user: string;
  readonly opened: Time;
  readonly closed: Time | undefined;
  /** In the order of arrival. */
  readonly received: readonly Received[];
}

/** When something was done to some servers. */
export interface Mark {
  /** `begin`: the fault; `reachable`: Redis is there again. */
  readonly what: 'begin' | 'reachable';
  readonly at: Time;
  readonly servers: readonly number[];
}

export interface Standstill {
  readonly server: number;
  readonly from: Time;
  readonly to: Time;
}

export interface Check {
  readonly name: string;
  readonly passed: boolean;
}

/** All that one run of a fault has shown. */
export interface Facts {
  readonly begin: Time;
  readonly end: Time;
  readonly targets: readonly (EmitTarget | ConnectionTarget)[];
  readonly emits: readonly Emit[];
  readonly steps: readonly Step[];
  readonly clients: readonly ClientFacts[];
  readonly reports: readonly Report[];
  readonly standings: readonly Standing[];
  readonly failures: readonly Failure[];
  readonly givenUp: readonly GivenUp[];
  readonly marks: readonly Mark[];
  readonly checks: readonly Check[];
  /** Processes that ended though nobody asked them to. */
  readonly exits: number;
  readonly unhandled: readonly string[];
  /** When messages were published that no release reads: each is a known loss. */
  readonly unreadable: readonly Pick<Emit, 'call' | 'settle'>[];
  /** When there was no Redis at all, and nobody emitted who could have been missed. */
  readonly absence: { readonly from: Time; readonly to: Time } | undefined;
  /** When servers were stopped: nothing was emitted there, so nothing can be said to have been missed. */
  readonly standstills: readonly Standstill[];
  /** The longest time for which each server's loop stood still: how far the times can be trusted. */
  readonly stallsMs: readonly number[];
}
