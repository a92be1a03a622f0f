import type { BackplaneStatus } from 'nestjs-redis-backplane';

/** Who said something, and the server that holds their connection. */
export interface Person {
  readonly id: string;
  readonly name: string;
  readonly server: string;
}

/** A server of the farm, as the page shows it: without a link where it stands behind a balancer. */
export interface FarmServer {
  readonly name: string;
  readonly url?: string;
}

/** What the servers send to the pages. */
export interface ChatEvents {
  welcome: { id: string; server: string; farm: readonly FarmServer[]; status: BackplaneStatus };
  status: BackplaneStatus;
  /** To everyone when it has neither `group` nor `whispered`. */
  said: { from: Person; text: string; group?: string; whispered?: boolean };
  waved: { from: Person };
  joined: { from: Person; group: string };
  left: { from: Person; group: string };
}
