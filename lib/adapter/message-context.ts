/**
 * What a handler may ask of the message that it handles, beside its data. The dialects that have more than one argument,
 * uploads or cancellation pass it to the handler after the arguments that Nest defines.
 */
export abstract class MessageContext {
  /** The arguments that the client sent. */
  abstract readonly args: readonly unknown[];
  /** Aborted when the client cancels the call or disconnects. */
  abstract readonly signal: AbortSignal;
  /** The items of the client's upload stream with this index. Throws WsException if the client sent fewer streams. */
  abstract upload(index: number): AsyncIterable<unknown>;
}
