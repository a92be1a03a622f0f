import { types } from 'node:util';
import { ReportedError } from '../bus/bus.errors.js';
import { toError } from '../protocol/thrown.js';
import type { LocalConnection } from './local-connection.js';

/** The limit for the data of one member, so that lists and differences stay small: 10,000 members take 10 MB at most. */
export const MAX_PRESENCE_BYTES = 1024;

/** Encodes what other servers may know of a connection: the result of the option `presence.data`. */
export class PresenceData {
  /** Connections whose data could not be encoded the last time. Their error has been reported. */
  private readonly failing = new WeakSet<LocalConnection>();

  constructor(private readonly report: (error: ReportedError) => void) {}

  /** The connection's data as JSON text; empty if it has none, or if it cannot be encoded. Never throws. */
  of(connection: LocalConnection): string {
    try {
      const text = encode(connection.presenceData());
      this.failing.delete(connection);
      return text;
    } catch (error) {
      if (this.failing.has(connection)) return '';
      this.failing.add(connection);
      const cause = toError(error);
      const message = `The presence data of the connection ${connection.id} was left out: ${cause.message}`;
      this.report(new ReportedError('presence', message, { cause }));
      return '';
    }
  }
}

/** @throws TypeError, and what a `toJSON` in the data throws */
function encode(data: unknown): string {
  if (data === undefined) return '';
  if (types.isPromise(data)) {
    // Nobody awaits it, so its rejection would be unhandled and crash the process.
    data.catch(() => undefined);
    throw new TypeError('it is a promise; return the data itself');
  }
  const text = JSON.stringify(data) as string | undefined;
  if (text === undefined) throw new TypeError(`JSON cannot represent a ${typeof data}`);
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_PRESENCE_BYTES)
    throw new TypeError(`it has ${bytes} bytes as JSON; at most ${MAX_PRESENCE_BYTES} are allowed`);
  return text;
}
