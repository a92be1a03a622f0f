import type { ClientFrame } from '../protocol/client-frame.js';
import type { ClientProtocol } from '../protocol/client-protocol.js';

/** Where a connection's frames go. Implemented by the room that holds the socket. */
export interface ConnectionSink {
  /** So much waits that the connection is about to be closed: nothing more is taken. */
  readonly isFull: boolean;
  /** Puts a frame behind those that wait. Does nothing on a closed socket. `volatile` frames may be dropped when the client reads too slowly. */
  write(frame: ClientFrame, volatile: boolean): void;
  /** Hands everything that waits to the socket now. */
  flush(): void;
  /** Says goodbye to the client: a WebSocket close code and a reason of at most 123 bytes. */
  close(code: number, reason: string): void;
}

/** That a connection is in a group; `pending` until its server is known to hear the group's channel. */
export interface Membership {
  pending: Promise<void> | undefined;
}

const NO_MEMBERSHIPS: ReadonlyMap<string, Membership> = new Map();

/** A client of this server, as routing sees it. */
export class LocalConnection {
  /** Made with the first group: an empty map for each of the many clients that join none would be a tenth of what they hold. */
  private joined: Map<string, Membership> | undefined;
  /** False once it is disconnected: it joins nothing and receives nothing any more. */
  open = true;
  /** Ids of the invocations that this client has not responded to yet. */
  invocations: Set<string> | undefined;
  /** The last delivery that reached, or left out, this connection: see deliver.ts. */
  lastDelivery = 0;

  constructor(
    readonly id: string,
    readonly path: string,
    readonly userId: string | undefined,
    readonly protocol: ClientProtocol,
    readonly sink: ConnectionSink,
  ) {}

  /** Whether it is of any use to encode something for this connection. */
  get isWritable(): boolean {
    return this.open && !this.sink.isFull;
  }

  /** By group. */
  get memberships(): ReadonlyMap<string, Membership> {
    return this.joined ?? NO_MEMBERSHIPS;
  }

  addMembership(group: string, membership: Membership): void {
    this.joined ??= new Map();
    this.joined.set(group, membership);
  }

  removeMembership(group: string): void {
    this.joined?.delete(group);
  }
}
