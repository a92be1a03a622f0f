import type { Clock } from '../bus/clock.js';
import { messageOf } from '../protocol/thrown.js';
import { QueryKind } from '../protocol/query-record.js';
import {
  decodeSessionsPart,
  decodeSessionsQuery,
  encodeSessionsPart,
  encodeSessionsQuery,
  type SessionEntry,
} from '../protocol/session-records.js';
import type { LimitedLog } from '../broadcast/limited-log.js';
import type { LocalConnection } from '../routing/local-connection.js';
import type { Router } from '../routing/router.js';
import type { AdapterContext } from './adapter-context.js';
import type { AdmissionResult } from './admission-result.js';
import { type SessionRule, surplusOf } from './session-rules.js';

/** The client libraries do not reconnect after this close code, so two tabs do not throw each other out in turns. */
const POLICY_VIOLATION = 1008;
const TOO_MANY_REQUESTS = 429;

/**
 * Limits the connections of each user over all servers, per path. A client over the limit is refused; when two connect at
 * the same moment, the surplus is closed afterwards. While servers do not reply, their connections do not count.
 */
export class UserLimits {
  private readonly connectedAt = new WeakMap<LocalConnection, number>();

  constructor(
    private readonly rule: SessionRule,
    private readonly router: Router,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly log: LimitedLog,
  ) {
    router.queries.on(QueryKind.Sessions, (body) => {
      const { path, userId } = decodeSessionsQuery(body);
      return [encodeSessionsPart(this.own(path, userId))];
    });
  }

  /** Refuses a user who has too many connections already. Never rejects. */
  async check(path: string, result: AdmissionResult): Promise<AdmissionResult> {
    const { rule } = this;
    const userId = result.admitted ? result.admission.userId : undefined;
    if (userId === undefined || rule.keep === 'newest') return result;
    const entries = await this.entriesOf(path, userId);
    if (entries.length < rule.count) return result;
    const reason = `the user has ${entries.length} connections; ${rule.count} are allowed`;
    return { admitted: false, status: TOO_MANY_REQUESTS, reason, failure: undefined };
  }

  /** Called when routing knows the connection. Closes what is over the limit now, on any server. */
  connected(connection: LocalConnection): void {
    if (connection.userId === undefined) return;
    this.connectedAt.set(connection, this.clock.now());
    this.resumed(connection);
  }

  /** Called when the client is back. While it was away, the user may have opened other connections. */
  resumed({ path, userId }: LocalConnection): void {
    if (userId !== undefined) void this.enforce(path, userId);
  }

  /** Never rejects. */
  private async enforce(path: string, userId: string): Promise<void> {
    try {
      const surplus = surplusOf(await this.entriesOf(path, userId), this.rule);
      if (surplus.length === 0) return;
      const targets = surplus.map((name) => ({ kind: 'connection' as const, name }));
      const reason =
        this.rule.keep === 'newest' ? 'Replaced by a newer connection' : 'Too many connections of this user';
      const action = { name: 'disconnect', code: POLICY_VIOLATION, reason } as const;
      await this.router.commands.run({ path, targets, excluded: [] }, action, false);
    } catch (error) {
      // A connection may have closed by itself, and Redis may be down.
      this.log.warn(
        'user limit',
        `The connections of a user of ${path} were not limited: ${messageOf(error)}`,
      );
    }
  }

  private async entriesOf(path: string, userId: string): Promise<SessionEntry[]> {
    const to = { path, targets: [{ kind: 'user' as const, name: userId }], excluded: [] };
    const body = encodeSessionsQuery({ path, userId });
    const question = { kind: QueryKind.Sessions, body, to, decode: decodeSessionsPart };
    try {
      const { parts } = await this.router.queries.ask(question);
      return [...parts.values()].flat(2);
    } catch {
      // Without Redis, this server serves its own clients, and knows only those.
      return this.own(path, userId);
    }
  }

  private own(path: string, userId: string): SessionEntry[] {
    const members = this.router.roster.members(path);
    const connections = members ? [...members.of({ kind: 'user', name: userId })] : [];
    const now = this.clock.now();
    // A client that is away may already have opened another connection.
    const present = connections.filter(({ isAway }) => !isAway);
    return present.map((connection) => {
      return { id: connection.id, ageMs: now - (this.connectedAt.get(connection) ?? now) };
    });
  }
}

/** `undefined` if users may have any number of connections. */
export function createUserLimits({ edge, router, clock, log }: AdapterContext): UserLimits | undefined {
  const { singleSession, connectionsPerUser } = edge;
  if (singleSession === 'newest') return new UserLimits({ keep: 'newest' }, router, clock, log);
  const count = singleSession === 'oldest' ? 1 : connectionsPerUser;
  return count === undefined ? undefined : new UserLimits({ keep: 'oldest', count }, router, clock, log);
}
