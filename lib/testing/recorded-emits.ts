import type { Type } from '@nestjs/common';
import { gatewayPath } from '../broadcast/gateway-path.js';
import { ClientFrame } from '../protocol/client-frame.js';
import type { ClientProtocol } from '../protocol/client-protocol.js';
import type { MessageFrames } from '../protocol/message-frames.js';
import type { Sent } from '../routing/send-listeners.js';
import { type RecordedTarget, recordedTarget } from './recorded-target.js';

/** A message, as a client receives it. */
export interface RecordedMessage {
  readonly event: string;
  /**
   * The data as a client decodes it: a `Date` is a string in JSON. So it does not change if the app changes its object later.
   * Absent if the event has no data.
   */
  readonly data?: unknown;
}

/** One `emit`, `invoke` or `invokeAll`. */
export interface RecordedEmit extends RecordedMessage {
  /** The path of the gateway: `/chat`, or `8081/chat` for a gateway with its own port. */
  readonly path: string;
  readonly target: RecordedTarget;
}

/** One `join`, `leave` or `disconnect` of a target. */
export type RecordedCommand = { readonly path: string; readonly target: RecordedTarget } & (
  | { readonly command: 'join' | 'leave'; readonly group: string }
  | { readonly command: 'disconnect'; readonly code: number; readonly reason: string }
);

/** What was emitted to whom, in the order of the calls. Every list is a copy. */
export class RecordedEmits {
  private emitted: RecordedEmit[] = [];
  private invoked: RecordedEmit[] = [];
  private commanded: RecordedCommand[] = [];

  /** Every `emit`. */
  get all(): RecordedEmit[] {
    return [...this.emitted];
  }

  /** Every `invoke` and `invokeAll`. */
  get invokes(): RecordedEmit[] {
    return [...this.invoked];
  }

  /** Every `join`, `leave` and `disconnect` of a target. `client.join()` is not one: see `client.groups`. */
  get commands(): RecordedCommand[] {
    return [...this.commanded];
  }

  /** The emits of one event. */
  of(event: string): RecordedEmit[] {
    return this.emitted.filter((emit) => emit.event === event);
  }

  /**
   * The emits of one gateway.
   *
   * @param gateway the gateway's class, or its path
   * @throws NotAGatewayError, InvalidArgumentError, InvalidPathError
   */
  at(gateway: Type | string): RecordedEmit[] {
    const path = gatewayPath(gateway);
    return this.emitted.filter((emit) => emit.path === path);
  }

  /** Forgets everything recorded so far. */
  clear(): void {
    this.emitted = [];
    this.invoked = [];
    this.commanded = [];
  }

  /** @internal */
  add(sent: Sent, protocols: readonly ClientProtocol[]): void {
    const { path } = sent.address;
    if (sent.kind === 'command') {
      const target = recordedTarget(sent.address, { local: sent.local, volatile: false });
      const { name: command, ...rest } = sent.action;
      this.commanded.push({ path, target, command, ...rest } as RecordedCommand);
      return;
    }
    const message = received(sent.frames, protocols);
    // No client protocol can carry it. Only an emit to nobody resolves in spite of that.
    if (!message) return;
    const { event, data } = message;
    const target = recordedTarget(sent.address, sent);
    if (event === 'exception' && isOfClient(target)) return;
    const list = sent.kind === 'emit' ? this.emitted : this.invoked;
    list.push({ path, target, event, ...(data !== undefined && { data }) });
  }
}

/**
 * Whether it is an emit of a client's own connection. Its exceptions are replies. Most of them never become an emit, but one
 * for a client that has just disconnected does, and would make a recording depend on that moment.
 */
function isOfClient({ local, connection }: RecordedTarget): boolean {
  return local === true && connection?.length === 1;
}

/** The message as a client of the first protocol that can carry it decodes it. */
function received(frames: MessageFrames, protocols: readonly ClientProtocol[]): RecordedMessage | undefined {
  for (const protocol of protocols) {
    const frame = frames.attempt(protocol);
    if (frame instanceof ClientFrame) return protocol.decode(frame.payload) as RecordedMessage;
  }
  return undefined;
}
