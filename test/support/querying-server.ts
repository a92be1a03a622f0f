import { beforeEach } from 'vitest';
import type { ReportedError } from '../../lib/bus/bus.errors.js';
import { PublishRefusedError } from '../../lib/bus/transport.js';
import { OWN_CAPABILITIES } from '../../lib/protocol/capabilities.js';
import { encodeHeartbeat } from '../../lib/protocol/heartbeat-record.js';
import { encodeCountPart } from '../../lib/protocol/member-records.js';
import {
  decodeQuery,
  decodeQueryReply,
  encodeQuery,
  encodeQueryReply,
  type QueryReplyRecord,
} from '../../lib/protocol/query-record.js';
import { RecordKind } from '../../lib/protocol/record-kind.js';
import { ALL, type Address } from '../../lib/protocol/target.js';
import type { MemberCount, MemberList } from '../../lib/routing/members.js';
import type { MemberQueries } from '../../lib/routing/member-queries.js';
import { ManualClock } from './manual-clock.js';
import { PATH, PEER_ID, RoutingServer } from './routing-server.js';

export const OTHER_ID = 'OtherServer-';
export const EVERYONE: Address = { path: PATH, targets: [ALL], excluded: [] };
/** The timeout of the server's queries. */
export const TIMEOUT_MS = 5000;

/** A query that has been published. */
export interface Started<T> {
  readonly number: number;
  readonly done: Promise<T>;
}

/** A server that asks and answers queries. The test plays its peers and its clock. */
export class QueryingServer {
  readonly clock = new ManualClock();
  readonly server = new RoutingServer({ policy: 'reject' }, this.clock);
  /** What `errors$` reported. */
  readonly errors: ReportedError[] = [];

  async start(): Promise<this> {
    await this.server.start();
    this.server.router.errors$.subscribe((error) => this.errors.push(error));
    return this;
  }

  get queries(): MemberQueries {
    return this.server.router.memberQueries;
  }

  get malformedReplies(): number {
    return this.server.router.queries.malformedReplies;
  }

  beat(origin: string, capabilities = OWN_CAPABILITIES): void {
    const now = this.clock.now();
    this.server.hearsFrom(origin, encodeHeartbeat({ number: now, sentAt: now, capabilities }));
  }

  /** Advances the time. The server hears itself and the peers. */
  async pass(ms: number, ...peers: string[]): Promise<void> {
    for (let passed = 0; passed < ms; passed += 250) {
      this.clock.advance(250);
      await this.server.flushed();
      this.server.echo();
      for (const peer of peers) this.beat(peer);
    }
  }

  /** Waits until the server knows the peers. */
  async knows(...peers: string[]): Promise<void> {
    for (const peer of peers) this.beat(peer);
    await this.pass(1250, ...peers);
  }

  redisGoesDown(): void {
    this.server.down();
    this.server.transport.refuses = () => new PublishRefusedError('the links are down');
  }

  /** Waits until a query is published. */
  async started<T>(query: Promise<T>): Promise<Started<T>> {
    // The test checks later whether it rejects.
    query.catch(() => undefined);
    await this.server.flushed();
    const body = this.server.sent(RecordKind.Query).at(-1)?.body;
    return { number: body ? decodeQuery(body).number : 0, done: query };
  }

  count(address = EVERYONE): Promise<Started<MemberCount>> {
    return this.started(this.queries.count(address));
  }

  list(limit: number): Promise<Started<MemberList>> {
    return this.started(this.queries.members(EVERYONE, limit));
  }

  /** A peer replies to a query. */
  replies(number: number, reply: Partial<QueryReplyRecord>, origin = PEER_ID): void {
    this.server.hearsFrom(origin, queryReply(number, reply));
  }

  /** The peer asks. */
  asked(number: number, kind: number, body: Buffer): void {
    this.server.hears(encodeQuery({ number, kind, body }));
  }

  /** The server's answers to queries of the peer. */
  get answers(): QueryReplyRecord[] {
    return this.server.sent(RecordKind.QueryReply).map(({ body }) => decodeQueryReply(body));
  }
}

/** The record of a reply to a query; by default the only part of a first answer, which counts nobody. */
export function queryReply(number: number, reply: Partial<QueryReplyRecord> = {}): Buffer {
  return encodeQueryReply({ number, state: 'last', answer: 1, index: 0, body: counted(0), ...reply });
}

/** A part of an answer to a count. */
export function counted(connections: number, ...users: string[]): Buffer {
  return encodeCountPart({ connections, users });
}

/** A new server for each test. */
export function useQueryingServer(): () => QueryingServer {
  let current: QueryingServer;
  beforeEach(async () => {
    current = await new QueryingServer().start();
    return () => current.server.close();
  });
  return () => current;
}
