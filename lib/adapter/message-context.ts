/**
 * The parts of a client's message that Nest does not know: several arguments, uploads and cancellation. Dialects that have
 * them pass this object to the handler after Nest's own arguments.
 */
export abstract class MessageContext {
  /** The arguments that the client sent. */
  abstract readonly args: readonly unknown[];
  /** Aborts when the client cancels the call or disconnects. */
  abstract readonly signal: AbortSignal;
  /** The client's upload stream with this index. Throws WsException if the client sent fewer streams. */
  abstract upload(index: number): AsyncIterable<unknown>;
}
