import type { ClientProtocol } from '../protocol/client-protocol.js';
import type { CommandAction } from '../protocol/command-record.js';
import type { MessageFrames } from '../protocol/message-frames.js';
import type { Address } from '../protocol/target.js';

/** What this server's app has sent. */
export type Sent =
  | {
      readonly kind: 'emit' | 'invoke';
      readonly address: Address;
      readonly frames: MessageFrames;
      readonly local: boolean;
      readonly volatile: boolean;
    }
  | {
      readonly kind: 'command';
      readonly address: Address;
      readonly action: CommandAction;
      readonly local: boolean;
    };

/** Must not throw. */
export type SendListener = (sent: Sent) => void;

/**
 * Tells listeners what this server's app sends, so that tests can record it. What is refused before any client can receive it
 * is not sent. Senders check `isEmpty` first, so without listeners a send costs nothing else.
 */
export class SendListeners {
  private readonly listeners = new Set<SendListener>();

  constructor(
    /** The client protocols in which a client may receive what is sent. */
    readonly protocols: readonly ClientProtocol[],
  ) {}

  get isEmpty(): boolean {
    return this.listeners.size === 0;
  }

  /** @returns a function that removes the listener */
  add(listener: SendListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  notify(sent: Sent): void {
    for (const listener of this.listeners) listener(sent);
  }
}
