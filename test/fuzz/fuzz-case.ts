import type { RecordContext } from './records.js';
import type { RawSession } from './raw-session.js';
import type { ProtocolName } from './client-messages.js';

/** What a case can do to the farm under test. */
export interface FuzzTarget extends RecordContext {
  /** Two servers that share a Redis. */
  readonly ports: readonly [number, number];
  open(server: number, protocol: ProtocolName): RawSession;
  /** @param channel without the prefix */
  publish(channel: string, bytes: Buffer): Promise<void>;
  /** Lets a server invoke a connection, wherever it is, and does not wait for the result. */
  invoke(server: number, connectionId: string): void;
  /** A connection of the fuzzed path, for later records. */
  remember(connectionId: string): void;
  /** Bytes that a server has in use after a garbage collection. */
  memory(server: number): Promise<number>;
}

/** Something that is done to the servers once. */
export interface FuzzCase {
  readonly name: string;
  /** Rejects with a {@link Violation} where the case itself can tell that a server did the wrong thing. */
  run(target: FuzzTarget): Promise<void>;
}

/** A server did what it must not do. */
export class Violation extends Error {
  override readonly name = 'Violation';
}
