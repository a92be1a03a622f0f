import type { Bus } from '../bus/bus.js';
import { ReportedError } from '../bus/bus.errors.js';
import { MalformedBytesError } from '../protocol/byte-reader.js';
import { Capability } from '../protocol/capabilities.js';
import type { ChannelNames } from '../protocol/channel-names.js';
import {
  decodeQuery,
  decodeQueryReply,
  encodeQuery,
  encodeQueryReply,
  type QueryRecord,
  type QueryReplyRecord,
} from '../protocol/query-record.js';
import { RecordKind } from '../protocol/record-kind.js';
import type { Address } from '../protocol/target.js';
import type { Addressing } from './addressing.js';
import { type Answers, PendingQuery } from './pending-query.js';
import type { RecordDispatcher } from './record-dispatcher.js';
import type { Request, Requests } from './requests.js';
import { NotPublishedError } from './routing.errors.js';

const NOTHING = Buffer.alloc(0);

/**
 * Answers queries of one kind. Looks at this server's state when it is called. Encodes the parts while it is iterated, over
 * several turns of the event loop.
 *
 * @throws MalformedBytesError
 */
export type QueryHandler = (body: Buffer, origin: string) => Iterable<Buffer>;

/** What a query asks. */
export interface Question<Part> {
  readonly kind: number;
  readonly body: Buffer;
  /** Whom it asks: this server and those that may hold connections of an address, or other servers by their ids. */
  readonly to: Address | ReadonlySet<string>;
  /** @throws MalformedBytesError */
  readonly decode: (part: Buffer) => Part;
  /** How often the query is repeated to servers that have not answered, in milliseconds. @default 1000 */
  readonly repeatMs?: number;
  /** Whether the answers so far are enough, so that nobody waits for the others. */
  readonly isEnough?: (answers: Answers<Part>['parts']) => boolean;
}

/** A query that waits for replies, whatever its kind. */
type Receiver = Pick<PendingQuery<unknown>, 'malformed' | 'receive'>;

/**
 * Asks servers what they hold, and answers the queries of others. An answer may have several parts, which are encoded and
 * decoded in separate turns of the event loop.
 */
export class Queries {
  /** How many replies of other servers could not be read. */
  malformedReplies = 0;
  private number = 0;
  private answered = 0;
  private isClosed = false;
  private readonly handlers = new Map<number, QueryHandler>();
  private readonly pending = new Map<number, Receiver>();
  /** Queries that are being answered, by origin and number. Their repetitions are ignored. */
  private readonly answering = new Set<string>();

  constructor(
    private readonly bus: Bus,
    private readonly channels: ChannelNames,
    private readonly addressing: Addressing,
    private readonly requests: Requests,
    private readonly dispatcher: RecordDispatcher,
    /** How long a query waits for the servers concerned, in milliseconds. */
    private readonly timeoutMs: number,
  ) {
    dispatcher.on(RecordKind.Query, (body, origin) => void this.answer(decodeQuery(body), origin));
    dispatcher.on(RecordKind.QueryReply, (body, origin) => this.receiveReply(body, origin));
  }

  on(kind: number, handler: QueryHandler): void {
    this.handlers.set(kind, handler);
  }

  /**
   * Resolves when all servers concerned have answered or can no longer answer, or when the time is up.
   *
   * @throws MessageTooLargeError, BackplaneClosedError (as rejections)
   * @throws NotPublishedError (as a rejection) when Redis did not accept the query and this server knows no other server, so
   * it cannot say whose answers are missing, and after this server has shut down
   */
  async ask<Part>(question: Question<Part>): Promise<Answers<Part>> {
    const { kind, body, to, decode, repeatMs, isEnough = () => false } = question;
    const { peers, serverId } = this.bus;
    const isAddress = 'path' in to;
    const number = ++this.number;
    const encode = (): Buffer => encodeQuery({ number, kind, body });
    const request = isAddress ? this.requests.prepare(to, encode) : this.requests.prepareFor(to, encode());
    const query = new PendingQuery(peers, isAddress ? this.addressing.serversOf(to) : to, decode, isEnough);
    const own = isAddress ? this.handle(kind, body, serverId) : undefined;
    this.pending.set(number, query);
    try {
      const others = this.send(request, query, repeatMs);
      // Awaited below. If the own part fails first, a rejection must not go unhandled.
      others.catch(() => undefined);
      if (own) query.own(serverId, await inTurns(own, decode));
      await others;
    } finally {
      this.pending.delete(number);
      query.replies.end();
    }
    return query.answers;
  }

  /** Stops answering. */
  close(): void {
    this.isClosed = true;
  }

  private async send<Part>(
    request: Request | undefined,
    query: PendingQuery<Part>,
    repeatMs: number | undefined,
  ): Promise<void> {
    const { timeoutMs } = this;
    const needs = Capability.Queries;
    const options = { what: 'query', timeoutMs, isRepeatable: true, repeatMs, needs } as const;
    try {
      await this.requests.send(request, query.replies, options);
    } catch (error) {
      const known = request ? this.knownOf(request) : [];
      if (this.isClosed || !(error instanceof NotPublishedError) || known.length === 0) throw error;
      query.notAsked(known);
    }
  }

  /** The servers that a request concerns, as far as this server knows. */
  private knownOf({ toFarm, named }: Request): string[] {
    const { peers } = this.bus;
    return toFarm ? [...peers.alive].filter((id) => peers.can(id, Capability.Connections)) : [...named];
  }

  /** Never rejects. */
  private async answer({ number, kind, body }: QueryRecord, origin: string): Promise<void> {
    const key = `${origin} ${number}`;
    if (this.answering.has(key)) return;
    this.answering.add(key);
    const answer = ++this.answered;
    let index = 0;
    const send = (state: QueryReplyRecord['state'], part: Buffer): void => {
      const record = encodeQueryReply({ number, state, answer, index: index++, body: part });
      // If a part is lost, the query is repeated.
      this.bus.publish([this.channels.server(origin)], record).catch(() => undefined);
    };
    try {
      let waiting: Buffer | undefined;
      for (const part of this.handle(kind, body, origin)) {
        if (waiting) {
          send('more', waiting);
          await nextTurn();
          if (this.isClosed) return;
        }
        waiting = part;
      }
      send('last', waiting ?? NOTHING);
    } catch (cause) {
      send('unable', NOTHING);
      if (!(cause instanceof UnknownKindError))
        this.dispatcher.report(
          new ReportedError('deliver', 'A query of another server could not be answered.', { cause }),
        );
    } finally {
      this.answering.delete(key);
    }
  }

  private handle(kind: number, body: Buffer, origin: string): Iterable<Buffer> {
    const handler = this.handlers.get(kind);
    if (!handler) throw new UnknownKindError();
    return handler(body, origin);
  }

  private receiveReply(body: Buffer, origin: string): void {
    // Until the number is read, the reply may belong to any query.
    let concerned: Iterable<Receiver> = this.pending.values();
    try {
      const reply = decodeQueryReply(body);
      const query = this.pending.get(reply.number);
      if (!query) return;
      concerned = [query];
      query.receive(origin, reply);
    } catch (error) {
      if (!(error instanceof MalformedBytesError)) throw error;
      this.dropReply(origin, error, concerned);
    }
  }

  private dropReply(origin: string, cause: Error, queries: Iterable<Receiver>): void {
    this.malformedReplies++;
    for (const query of queries) query.malformed(origin);
    const message = `Dropped a malformed reply of server ${origin} to a query.`;
    this.dispatcher.report(new ReportedError('decode', message, { cause }));
  }
}

/** This release does not know the kind of a query. */
class UnknownKindError extends Error {}

async function inTurns<Part>(bodies: Iterable<Buffer>, decode: (part: Buffer) => Part): Promise<Part[]> {
  const parts: Part[] = [];
  for (const body of bodies) {
    if (parts.length > 0) await nextTurn();
    parts.push(decode(body));
  }
  return parts;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
