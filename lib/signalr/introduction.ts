import type { RawData } from 'ws';
import type { Introduction } from '../adapter/dialect-provider.js';
import { EarlyMessages } from '../adapter/early-messages.js';
import { toBuffer } from '../adapter/raw-data.js';
import type { WatchedSocket } from '../adapter/watched-socket.js';
import { findSeparated } from './framing.js';
import { ACCEPTED, mayBeHandshake, readHandshake, refusal } from './handshake.js';
import type { HubProtocol } from './hub-protocol.js';
import { MessageSplitter } from './message-splitter.js';

const NORMAL = 1000;
/** A generous limit: the longest valid handshake has 45 bytes. */
const MAX_HANDSHAKE_BYTES = 4096;
const CANCELED = 'Handshake was canceled.';

export interface IntroductionOptions {
  readonly timeoutMs: number;
  readonly hubs: readonly HubProtocol[];
  readonly dialectOf: (hub: HubProtocol, version: number) => Introduction['dialect'];
  /** The dialect of a client whose first message is not a handshake; `undefined` if such a client is refused. */
  readonly plain: Introduction['dialect'] | undefined;
}

/** Performs the handshake of a SignalR client. Resolves with `undefined` if it fails. Never rejects. */
export function introduce(
  socket: WatchedSocket,
  options: IntroductionOptions,
): Promise<Introduction | undefined> {
  return new Promise((resolve) => new IntroductionUnderWay(socket, options, resolve));
}

class IntroductionUnderWay {
  private readonly splitter = new MessageSplitter(findSeparated, MAX_HANDSHAKE_BYTES);
  private readonly early: EarlyMessages;
  private readonly timeout: NodeJS.Timeout;

  constructor(
    private readonly socket: WatchedSocket,
    private readonly options: IntroductionOptions,
    private readonly resolve: (introduction: Introduction | undefined) => void,
  ) {
    this.early = new EarlyMessages(socket, (data, isBinary) => this.receive(toBuffer(data), isBinary));
    this.timeout = setTimeout(() => this.timeOut(), options.timeoutMs);
    socket.once('close', this.fail);
  }

  private receive(bytes: Buffer, isBinary: boolean): void {
    // The server is shutting down.
    if (this.socket.readyState !== this.socket.OPEN) return;
    const { plain } = this.options;
    if (plain && !findSeparated(bytes)) return this.acceptPlain(plain, [bytes, isBinary]);
    if (this.splitter.rest.length === 0 && !mayBeHandshake(bytes)) return this.abandon();
    const message = firstOf(this.splitter, bytes);
    if (message === 'too large') return this.refuse(CANCELED);
    if (!message) return;
    const handshake = readHandshake(message, this.options.hubs);
    if (handshake === 'hub message') return this.abandon();
    if (handshake.hub) this.accept(handshake.hub, handshake.version, [this.splitter.rest, isBinary]);
    else this.refuse(handshake.error);
  }

  private accept(hub: HubProtocol, version: number, rest: [data: RawData, isBinary: boolean]): void {
    // Sent before the session exists, because the client must get it before anything else.
    this.socket.send(ACCEPTED, { binary: hub.binary });
    this.early.keep(rest);
    this.finish({ dialect: this.options.dialectOf(hub, version), early: this.early });
  }

  private acceptPlain(
    dialect: Introduction['dialect'],
    ...messages: [data: RawData, isBinary: boolean][]
  ): void {
    this.early.keep(...messages);
    this.finish({ dialect, early: this.early });
  }

  private timeOut(): void {
    const { plain } = this.options;
    if (plain) this.acceptPlain(plain);
    else this.refuse(CANCELED);
  }

  private refuse(error: string): void {
    this.socket.send(refusal(error));
    this.abandon();
  }

  /**
   * Closes the socket without another message. A client that tries to resume its session sends no handshake, and would not
   * understand a handshake response if this server does not hold the session. When it tries again, its token is refused, and
   * it starts a new connection.
   */
  private abandon(): void {
    this.socket.close(NORMAL);
    this.fail();
  }

  private readonly fail = (): void => {
    this.early.drop();
    this.finish(undefined);
  };

  private finish(introduction: Introduction | undefined): void {
    clearTimeout(this.timeout);
    this.socket.off('close', this.fail);
    this.resolve(introduction);
  }
}

function firstOf(splitter: MessageSplitter, bytes: Buffer): Buffer | 'too large' | undefined {
  try {
    for (const message of splitter.push(bytes)) return message;
    return undefined;
  } catch {
    return 'too large';
  }
}
