import { EVENT, EVENT_WITH_ARGUMENTS, type FrameShape, REQUEST, REQUEST_WITH_ARGUMENTS } from './dialect.js';
import { MessageFrames } from './message-frames.js';

/**
 * Several arguments instead of the data of an event: see {@link argumentList}. A plain client gets a single argument as it
 * is, and several as an array.
 */
export class ArgumentList {
  constructor(readonly values: readonly unknown[]) {}

  /** The data that a plain client gets. */
  get data(): unknown {
    return this.values.length > 1 ? this.values : this.values[0];
  }
}

/**
 * Passes several arguments to `invoke` or `invokeAll`, in place of the data. SignalR clients get separate arguments, plain
 * clients get an array.
 *
 * ```ts
 * await server.connection(id).invoke('Confirm', argumentList('Delete', 3));
 * ```
 */
export function argumentList(...values: unknown[]): ArgumentList {
  return new ArgumentList(values);
}

/** The frames of an event that this server sends. */
export function eventFrames(event: string, data: unknown): MessageFrames {
  if (!(data instanceof ArgumentList)) return MessageFrames.of({ event, data }, EVENT);
  return MessageFrames.of({ event, data: data.data }, shapeOf(data, EVENT, EVENT_WITH_ARGUMENTS));
}

/** The frames of an invocation that this server sends. */
export function requestFrames(event: string, data: unknown, id: string): MessageFrames {
  if (!(data instanceof ArgumentList)) return MessageFrames.of({ event, data, id }, REQUEST);
  return MessageFrames.of({ event, data: data.data, id }, shapeOf(data, REQUEST, REQUEST_WITH_ARGUMENTS));
}

function shapeOf({ values }: ArgumentList, one: FrameShape, several: FrameShape): FrameShape {
  return values.length > 1 ? several : one;
}
