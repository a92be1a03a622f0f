import type { ClientFrame } from '../protocol/client-frame.js';
import type { Dialect } from '../protocol/dialect.js';

/** Writes frames to a connection. Implemented by the folder that holds the socket. */
export interface ConnectionSink {
  /** Whether so many bytes are waiting that the connection is about to be closed. Further frames are dropped. */
  readonly isFull: boolean;
  /** Queues a frame. Does nothing on a closed socket. `volatile` frames may be dropped if the client reads too slowly. */
  write(frame: ClientFrame, volatile: boolean): void;
  /** Writes all queued frames to the socket now. */
  flush(): void;
  /** Closes the connection with a WebSocket close code and a reason of at most 123 bytes. */
  close(code: number, reason: string): void;
}

/** A connection's membership in a group. `pending` settles when this server has subscribed the group's channel. */
export interface Membership {
  pending: Promise<void> | undefined;
}

const NO_MEMBERSHIPS: ReadonlyMap<string, Membership> = new Map();

/** A client's connection to this server, as routing sees it. */
export class LocalConnection {
  /** Created with the first group, because many clients join none, and an empty map would be a tenth of their memory. */
  private joined: Map<string, Membership> | undefined;
  /** False once it is disconnected: it can no longer join groups or receive messages. */
  open = true;
  /** Ids of the invocations that this client has not responded to yet. Made with the first one, to save memory. */
  invocations: Set<string> | undefined;
  /** The number of the last delivery that served or excluded this connection: see deliver.ts. */
  lastDelivery = 0;

  constructor(
    readonly id: string,
    readonly path: string,
    readonly userId: string | undefined,
    readonly dialect: Dialect,
    public sink: ConnectionSink,
  ) {}

  /** Whether a frame for this connection would be written, so that it is worth encoding. */
  get isWritable(): boolean {
    return this.open && !this.sink.isFull;
  }

  /** By group. */
  get memberships(): ReadonlyMap<string, Membership> {
    return this.joined ?? NO_MEMBERSHIPS;
  }

  /** Whether its client is away for a moment: it may come back to this connection on another socket. */
  get isAway(): boolean {
    return false;
  }

  /** What other servers may know of this connection: the result of the option `presence.data`. Throws what that throws. */
  presenceData(): unknown {
    return undefined;
  }

  /** Closes the connection with a WebSocket close code and a reason of at most 123 bytes. */
  close(code: number, reason: string): void {
    this.sink.close(code, reason);
  }

  addMembership(group: string, membership: Membership): void {
    this.joined ??= new Map();
    this.joined.set(group, membership);
  }

  removeMembership(group: string): void {
    this.joined?.delete(group);
  }
}
