import type { ClientFrame } from './client-frame.js';
import type { ClientProtocol } from './client-protocol.js';

/**
 * How one kind of client speaks, as far as an event or a request to many clients is concerned. Servers send each other what
 * plain clients get, `{ event, data }`. A dialect makes its frames from that, without parsing the data.
 */
export interface Dialect {
  readonly name: string;
  /** Unique among the dialects. A plain dialect has the code of its protocol. */
  readonly code: number;
  /** The protocol of the plain clients whose frames this dialect converts. Their data is encoded in the same way. */
  readonly protocol: ClientProtocol;
  /** Converts the frame of an event or a request. */
  derive(frame: ClientFrame, shape: FrameShape): ClientFrame;
}

/** What the frame of a plain client is, and how its data is meant. */
export interface FrameShape {
  /** Whether it has an `id` and expects a response. */
  readonly isRequest: boolean;
  /** Whether its data is a list of several arguments, and not one argument. */
  readonly hasArguments: boolean;
}

export const EVENT: FrameShape = { isRequest: false, hasArguments: false };
export const EVENT_WITH_ARGUMENTS: FrameShape = { isRequest: false, hasArguments: true };
export const REQUEST: FrameShape = { isRequest: true, hasArguments: false };
export const REQUEST_WITH_ARGUMENTS: FrameShape = { isRequest: true, hasArguments: true };

/** The dialect of plain clients, which get the protocol's own frames. */
export function plainDialect(protocol: ClientProtocol): Dialect {
  const { name, code } = protocol;
  return { name, code, protocol, derive: (frame) => frame };
}
