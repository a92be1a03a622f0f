import type { ClientFrame } from './client-frame.js';
import type { ClientProtocol } from './client-protocol.js';

/**
 * How one kind of client gets events and requests. Servers send each other the frames of plain clients, `{ event, data }`. A
 * dialect converts such a frame for its own clients, without parsing the data.
 */
export interface Dialect {
  readonly name: string;
  /** A number that is unique among the dialects. A plain dialect has the code of its protocol. */
  readonly code: number;
  /** The client protocol whose frames this dialect converts. Both encode the data in the same way. */
  readonly protocol: ClientProtocol;
  /** Converts the frame of an event or a request. */
  derive(frame: ClientFrame, shape: FrameShape): ClientFrame;
}

/** How to interpret the frame of a plain client. */
export interface FrameShape {
  /** Whether it has an `id` and expects a response. */
  readonly isRequest: boolean;
  /** Whether its data is a list of several arguments instead of a single argument. */
  readonly hasArguments: boolean;
}

export const EVENT: FrameShape = { isRequest: false, hasArguments: false };
export const EVENT_WITH_ARGUMENTS: FrameShape = { isRequest: false, hasArguments: true };
export const REQUEST: FrameShape = { isRequest: true, hasArguments: false };
export const REQUEST_WITH_ARGUMENTS: FrameShape = { isRequest: true, hasArguments: true };

/** The dialect of plain clients, which get the frames of the protocol unchanged. */
export function plainDialect(protocol: ClientProtocol): Dialect {
  const { name, code } = protocol;
  return { name, code, protocol, derive: (frame) => frame };
}
