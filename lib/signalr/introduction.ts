import type { RawData } from 'ws';
import type { Introduction } from '../adapter/dialect-provider.js';
import { EarlyMessages } from '../adapter/early-messages.js';
import { toBuffer } from '../adapter/raw-data.js';
import type { WatchedSocket } from '../adapter/watched-socket.js';
import { findSeparated } from './framing.js';
import { ACCEPTED, readHandshake, refusal } from './handshake.js';
import type { HubProtocol } from './hub-protocol.js';
import { MessageSplitter } from './message-splitter.js';

const NORMAL = 1000;
/** The longest valid handshake has 45 bytes. */
const MAX_HANDSHAKE_BYTES = 4096;
const CANCELED = 'Handshake was canceled.';

/** Reads the handshake of a SignalR client and answers it. Resolves with `undefined` if it fails. Never rejects. */
export function introduce(
  socket: WatchedSocket,
  timeoutMs: number,
  hubs: readonly HubProtocol[],
  dialectOf: (hub: HubProtocol) => Introduction['dialect'],
): Promise<Introduction | undefined> {
  return new Promise((resolve) => {
    const splitter = new MessageSplitter(findSeparated, MAX_HANDSHAKE_BYTES);
    const finish = (introduction: Introduction | undefined): void => {
      clearTimeout(timeout);
      socket.off('close', onClose);
      resolve(introduction);
    };
    const refuse = (error: string): void => {
      early.keep();
      socket.send(refusal(error));
      socket.close(NORMAL);
      finish(undefined);
    };
    const onClose = (): void => finish(undefined);
    const onMessage = (data: RawData, isBinary: boolean): void => {
      const message = firstOf(splitter, toBuffer(data));
      if (message === 'too large') return refuse(CANCELED);
      if (!message) return;
      const { hub, error } = readHandshake(message, hubs);
      if (!hub) return refuse(error);
      // Sent before the session exists, so that nothing can overtake it.
      socket.send(ACCEPTED, { binary: hub.binary });
      const { rest } = splitter;
      if (rest.length > 0) early.keep([rest, isBinary]);
      else early.keep();
      finish({ dialect: dialectOf(hub), early });
    };
    const early = new EarlyMessages(socket, onMessage);
    const timeout = setTimeout(() => refuse(CANCELED), timeoutMs);
    socket.once('close', onClose);
  });
}

function firstOf(splitter: MessageSplitter, bytes: Buffer): Buffer | 'too large' | undefined {
  try {
    for (const message of splitter.push(bytes)) return message;
    return undefined;
  } catch {
    return 'too large';
  }
}
