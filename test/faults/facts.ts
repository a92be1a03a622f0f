import type { ConnectionTarget, EmitTarget } from './load.js';

/** Milliseconds of the machine's monotonic clock. Servers and clients are identified by their index. */
export type Time = number;

/**
 * The outcome of an emit on the backplane. `refused`: it rejected with NotPublishedError; `unknown`: with
 * PublishOutcomeUnknownError; `failed`: with any other error; `pending`: it has not settled.
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

/** A client's join or leave, recorded by its server. */
export interface Step {
  readonly client: number;
  readonly group: string;
  readonly at: Time;
  /** `joined`: the join resolved; `leaving`: leave was called. */
  readonly what: 'joined' | 'leaving';
}

/** A report from `loss$`. */
export interface Report {
  readonly server: number;
  readonly at: Time;
  readonly from: Time;
  readonly to: Time;
  readonly certainty: 'known' | 'possible';
  /** The server whose messages are concerned. `undefined` means all servers, -1 a server outside the farm. */
  readonly origin: number | undefined;
  readonly targets: readonly { readonly kind: string; readonly name: string }[];
}

/** A server's status and how many peers it hears, recorded on each change. */
export interface Standing {
  readonly server: number;
  readonly at: Time;
  readonly state: string;
  readonly peers: number;
}

/** How many buffered messages a server reported as given up. */
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
  /** In order of arrival. */
  readonly received: readonly Received[];
}

/** A moment at which the fault began or ended for some servers. */
export interface Mark {
  /** `begin`: the fault begins; `reachable`: Redis is reachable again. */
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

/** Everything recorded in one run of a fault. */
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
  /** How many server processes exited unexpectedly. */
  readonly exits: number;
  readonly unhandled: readonly string[];
  /** When messages with an unknown version were published. Each is a known loss. */
  readonly unreadable: readonly Pick<Emit, 'call' | 'settle'>[];
  /** When Redis was absent and no server emitted, so nothing can have been missed. */
  readonly absence: { readonly from: Time; readonly to: Time } | undefined;
  /** When server processes were stopped. They emitted nothing then, so nothing can have been missed. */
  readonly standstills: readonly Standstill[];
  /** The longest event loop stall of each server, which limits how exact its times are. */
  readonly stallsMs: readonly number[];
}
