import type { MessageMappingProperties } from '@nestjs/websockets';
import type { RawData, WebSocket } from 'ws';
import type { BackplaneConnection } from '../broadcast/backplane-connection.js';
import type { Dispatcher } from '../broadcast/dispatcher.js';
import type { LocalConnection } from '../routing/local-connection.js';

type DisconnectListener = (closeCode: number) => void;

/** All that belongs to one client while it is connected. */
export class ClientSession {
  private readonly handlers = new Map<unknown, MessageMappingProperties>();
  private closeCode: number | undefined;
  private readonly disconnectListeners: DisconnectListener[] = [];

  constructor(
    readonly socket: WebSocket,
    readonly local: LocalConnection,
    readonly client: BackplaneConnection,
    private readonly dispatcher: Dispatcher,
  ) {}

  /** @returns false when the client answers what another one was asked */
  answer(id: string, outcome: 'data' | 'error', value: unknown): boolean {
    return this.dispatcher.answer(this.local, id, outcome, value);
  }

  /** Each gateway of the path adds its own; where two handle the same event, the first one does. */
  addHandlers(handlers: readonly MessageMappingProperties[]): void {
    for (const handler of handlers)
      if (!this.handlers.has(handler.message)) this.handlers.set(handler.message, handler);
  }

  handler(event: unknown): MessageMappingProperties | undefined {
    return this.handlers.get(event);
  }

  /** Called when the client is gone, at once where it is already. */
  onDisconnect(listener: DisconnectListener): void {
    if (this.closeCode === undefined) this.disconnectListeners.push(listener);
    else listener(this.closeCode);
  }

  disconnected(closeCode: number): void {
    this.closeCode = closeCode;
    for (const listener of this.disconnectListeners) listener(closeCode);
  }
}

/** A message's bytes as one Buffer: `ws` gives one for every frame, unless told otherwise. */
export function toBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
