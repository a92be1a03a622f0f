import type { BackplaneStatus, PresenceMember } from 'nestjs-redis-backplane';

/** Who said something, and the server that holds their connection. */
export interface Person {
  readonly id: string;
  readonly name: string;
  readonly server: string;
}

/** A server of the farm, as the page shows it: without a link if it is behind a balancer. */
export interface FarmServer {
  readonly name: string;
  readonly url?: string;
}

/** The backplane's status on each server, by name; `gone` if the server does not answer. */
export type FarmStates = Readonly<Record<string, BackplaneStatus['state'] | 'gone'>>;

/** What every message says about itself. */
export interface Origin {
  /** Chosen by the sender's page. A page shows a message once, so a retry never appears twice. */
  readonly key: string;
  readonly from: Person;
  /** When the sender's server took the message, in ms since the epoch. */
  readonly at: number;
}

/** What has changed in a group, on all servers. */
export interface MemberChange {
  readonly group: string;
  /**
   * Whether `members` replaces what the page knew before. It lists everyone, or nobody if there are more than
   * `presence.limit`.
   */
  readonly isSnapshot: boolean;
  /** Those who joined or changed. */
  readonly members: readonly PresenceMember[];
  /** The keys of those who left. */
  readonly left: readonly string[];
  /** The number of members now. */
  readonly count: number;
}

/** What the servers send to the pages. */
export interface ChatEvents {
  welcome: {
    id: string;
    server: string;
    farm: readonly FarmServer[];
    states: FarmStates;
    status: BackplaneStatus;
    /** What carries messages between the servers, such as `Redis`. */
    carrier: string;
  };
  status: BackplaneStatus;
  states: FarmStates;
  /** To everyone if it has neither `group` nor `whispered`. */
  said: Origin & { text: string; group?: string; whispered?: boolean };
  waved: Origin;
  joined: { from: Person; group: string };
  left: { from: Person; group: string };
  presence: MemberChange;
}
