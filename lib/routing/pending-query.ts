import type { PeerView } from '../bus/bus.js';
import { MalformedBytesError } from '../protocol/byte-reader.js';
import type { QueryReplyRecord } from '../protocol/query-record.js';
import { ServerReplies } from './server-replies.js';

/** No server has so many connections that its answer needs more parts. Keeps a broken server from filling the memory. */
export const MAX_PARTS = 1000;

/** What servers answered. */
export interface Answers<Part> {
  /** By server: the parts of its answer, in order. */
  readonly parts: ReadonlyMap<string, readonly Part[]>;
  /** The ids of servers whose answer is missing. */
  readonly missing: readonly string[];
  /** Those of them that died. Their connections are closed. */
  readonly lost: readonly string[];
}

interface Progress<Part> {
  readonly answer: number;
  readonly parts: Part[];
}

/** A query that waits for answers. Decodes each part when it arrives, so that a large answer does not block the event loop. */
export class PendingQuery<Part> {
  readonly replies: ServerReplies<void>;
  private readonly complete = new Map<string, readonly Part[]>();
  private readonly underWay = new Map<string, Progress<Part>>();
  /** The servers that were not asked because Redis did not accept the query. */
  private unasked: readonly string[] = [];

  constructor(
    peers: PeerView,
    /** The servers concerned; `undefined` for the whole farm. */
    only: ReadonlySet<string> | undefined,
    /** @throws MalformedBytesError */
    private readonly decode: (part: Buffer) => Part,
    private readonly isEnough: (parts: ReadonlyMap<string, readonly Part[]>) => boolean,
  ) {
    this.replies = new ServerReplies(peers, only);
  }

  get answers(): Answers<Part> {
    const { outstanding, lost, unable } = this.replies;
    const missing = new Set([...outstanding, ...lost, ...unable, ...this.unasked]);
    // One that seemed to be dead, or whose first reply was malformed, may have answered all the same.
    for (const server of this.complete.keys()) missing.delete(server);
    return { parts: this.complete, missing: [...missing], lost };
  }

  /** Adds this server's own answer. */
  own(server: string, parts: readonly Part[]): void {
    this.complete.set(server, parts);
    this.endIfEnough();
  }

  /** @throws MalformedBytesError */
  receive(server: string, { state, answer, index, body }: QueryReplyRecord): void {
    if (!this.replies.concerns(server) || this.complete.has(server)) return;
    if (state === 'unable') return this.replies.refuse(server);
    const known = this.underWay.get(server);
    const progress = known && known.answer >= answer ? known : { answer, parts: [] };
    this.underWay.set(server, progress);
    // If a part was lost, the next repetition of the query brings a new answer.
    if (progress.answer !== answer || progress.parts.length !== index) return;
    if (index >= MAX_PARTS) {
      this.underWay.delete(server);
      throw new MalformedBytesError(`an answer has more than ${MAX_PARTS} parts`);
    }
    progress.parts.push(this.decode(body));
    if (state === 'more') return this.replies.hold(server);
    this.underWay.delete(server);
    this.complete.set(server, progress.parts);
    this.replies.reply(server);
    this.endIfEnough();
  }

  /** The server's reply cannot be read, so it counts as missing. */
  malformed(server: string): void {
    if (this.replies.concerns(server) && !this.complete.has(server)) this.replies.refuse(server);
  }

  /** Redis did not accept the query. */
  notAsked(servers: Iterable<string>): void {
    this.unasked = [...servers];
  }

  private endIfEnough(): void {
    if (this.isEnough(this.complete)) this.replies.end();
  }
}
