import type { RecordContext } from './records.js';
import type { RawSession } from './raw-session.js';
import type { ProtocolName } from './client-messages.js';

/** What a fuzz case can do with the servers under test. */
export interface FuzzTarget extends RecordContext {
  /** Two servers that share a Redis. */
  readonly ports: readonly [number, number];
  open(server: number, protocol: ProtocolName): RawSession;
  /** @param channel without the prefix */
  publish(channel: string, bytes: Buffer): Promise<void>;
  /** Makes a server invoke a connection of any server. Does not wait for the result. */
  invoke(server: number, connectionId: string): void;
  /** Notes a connection of the fuzzed path so that later records can address it. */
  remember(connectionId: string): void;
  /** How many bytes a server uses after a garbage collection. */
  memory(server: number): Promise<number>;
}

/** One attack on the servers. */
export interface FuzzCase {
  readonly name: string;
  /** Rejects with a {@link Violation} if the case itself detects that a server did something wrong. */
  run(target: FuzzTarget): Promise<void>;
}

/** A server did something that it must not do. */
export class Violation extends Error {
  override readonly name = 'Violation';
}
