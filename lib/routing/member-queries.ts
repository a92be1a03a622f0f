import type { Bus } from '../bus/bus.js';
import { MalformedBytesError } from '../protocol/byte-reader.js';
import {
  decodeCountPart,
  decodeCountQuery,
  decodeMembersPart,
  decodeMembersQuery,
  decodeOnlinePart,
  decodeOnlineQuery,
  encodeCountPart,
  encodeCountQuery,
  encodeMembersPart,
  encodeMembersQuery,
  encodeOnlinePart,
  encodeOnlineQuery,
  type MemberRow,
} from '../protocol/member-records.js';
import { fullConnectionId, shortConnectionId } from '../protocol/connection-id.js';
import { QueryKind } from '../protocol/query-record.js';
import type { Address } from '../protocol/target.js';
import { recipients } from './deliver.js';
import type { LocalConnection } from './local-connection.js';
import type { Member, MemberCount, MemberList } from './members.js';
import { MergedCalls } from './merged-calls.js';
import type { PresenceData } from './presence-data.js';
import type { Queries } from './queries.js';
import { RepliesMissingError } from './request.errors.js';
import type { Roster } from './roster.js';

/** Members in one part of an answer. With data of 1 KiB each, a part has 0.5 MB. */
const MEMBERS_PER_PART = 500;
/** Connections that one part of an answer counts. With user ids of 36 bytes, a part has 74 KB. */
const COUNTED_PER_PART = 2000;

/** Counts and lists connections on all servers. */
export class MemberQueries {
  private readonly counts = new MergedCalls<MemberCount>();
  private readonly lists = new MergedCalls<MemberList>();

  constructor(
    private readonly bus: Pick<Bus, 'serverId'>,
    private readonly roster: Roster,
    private readonly queries: Queries,
    private readonly data: PresenceData,
  ) {
    queries.on(QueryKind.Count, (body) => countParts(this.recipients(decodeCountQuery(body))));
    queries.on(QueryKind.Members, (body) => {
      const { address, limit } = decodeMembersQuery(body);
      return this.memberParts(this.recipients(address), limit);
    });
    queries.on(QueryKind.Online, (body) => {
      const { path, users } = decodeOnlineQuery(body);
      return [encodeOnlinePart(this.localOnline(path, users))];
    });
  }

  /** @throws what `Queries.ask` throws (as rejections) */
  count(address: Address): Promise<MemberCount> {
    const body = encodeCountQuery(address);
    return this.counts.run(body.toString('latin1'), async () => {
      const question = { kind: QueryKind.Count, body, to: address, decode: decodeCountPart };
      const { parts, missing } = await this.queries.ask(question);
      const users = new Set<string>();
      let connections = 0;
      for (const part of [...parts.values()].flat()) {
        connections += part.connections;
        for (const user of part.users) users.add(user);
      }
      return { connections, users: users.size, missing };
    });
  }

  /** @throws what `Queries.ask` throws (as rejections) */
  members(address: Address, limit: number): Promise<MemberList> {
    const body = encodeMembersQuery({ address, limit });
    return this.lists.run(body.toString('latin1'), async () => {
      const question = { kind: QueryKind.Members, body, to: address, decode: decodeMembers };
      const { parts, missing } = await this.queries.ask(question);
      const members: Member[] = [];
      let hasMore = false;
      for (const [server, list] of parts) {
        for (const part of list) {
          hasMore ||= part.hasMore;
          for (const row of part.rows) members.push(memberOf(server, row));
        }
      }
      return { members: members.slice(0, limit), missing, truncated: hasMore || members.length > limit };
    });
  }

  /**
   * Which of the users have a connection to any server.
   *
   * @throws what `Queries.ask` throws (as rejections)
   * @throws RepliesMissingError (as a rejection) when users were not found, and a server did not reply
   */
  async online(path: string, users: readonly string[]): Promise<ReadonlySet<string>> {
    const found = new Set(this.localOnline(path, users));
    const open = users.filter((user) => !found.has(user));
    if (open.length === 0) return found;
    const to = { path, targets: open.map((name) => ({ kind: 'user' as const, name })), excluded: [] };
    const isEnough = (answers: ReadonlyMap<string, readonly (readonly string[])[]>): boolean =>
      new Set([...answers.values()].flat(2)).size === open.length;
    const body = encodeOnlineQuery({ path, users: open });
    const question = { kind: QueryKind.Online, body, to, decode: decodeOnlinePart, isEnough };
    const { parts, missing, lost } = await this.queries.ask(question);
    for (const user of [...parts.values()].flat(2)) found.add(user);
    // The connections of a server that died are closed.
    const silent = missing.filter((server) => !lost.includes(server));
    if (users.some((user) => !found.has(user)) && silent.length > 0) throw new RepliesMissingError(silent);
    return found;
  }

  localCount(address: Address): MemberCount {
    const connections = this.recipients(address);
    const users = new Set(connections.map(({ userId }) => userId));
    users.delete(undefined);
    return { connections: connections.length, users: users.size, missing: [] };
  }

  localMembers(address: Address, limit: number): MemberList {
    const connections = this.recipients(address);
    const rows = connections.slice(0, limit).map((connection) => this.rowOf(connection));
    const members = rows.map((row) => memberOf(this.bus.serverId, decodeRow(row)));
    return { members, missing: [], truncated: connections.length > limit };
  }

  localOnline(path: string, users: readonly string[]): string[] {
    const members = this.roster.members(path);
    return users.filter((name) => members?.has({ kind: 'user', name }));
  }

  private recipients(address: Address): LocalConnection[] {
    const members = this.roster.members(address.path);
    return members ? recipients(members, address) : [];
  }

  private rowOf(connection: LocalConnection): MemberRow {
    const { id, userId = '' } = connection;
    return { id: shortConnectionId(id), userId, data: this.data.of(connection) };
  }

  private *memberParts(connections: readonly LocalConnection[], limit: number): Generator<Buffer> {
    const hasMore = connections.length > limit;
    const listed = connections.slice(0, limit);
    for (let start = 0; start === 0 || start < listed.length; start += MEMBERS_PER_PART) {
      const rows = listed.slice(start, start + MEMBERS_PER_PART).map((connection) => this.rowOf(connection));
      yield encodeMembersPart({ hasMore, rows });
    }
  }
}

interface DecodedMembers {
  readonly hasMore: boolean;
  readonly rows: readonly Omit<Member, 'serverId'>[];
}

/** @throws MalformedBytesError */
function decodeMembers(part: Buffer): DecodedMembers {
  const { hasMore, rows } = decodeMembersPart(part);
  return { hasMore, rows: rows.map(decodeRow) };
}

/** @throws MalformedBytesError */
function decodeRow({ id, userId, data }: MemberRow): Omit<Member, 'serverId'> {
  const user = userId === '' ? undefined : userId;
  return data === '' ? { id, userId: user } : { id, userId: user, data: decodeData(data) };
}

function decodeData(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new MalformedBytesError('the presence data of a member is not JSON');
  }
}

/** Members that servers list carry their ids without the server's. */
function memberOf(serverId: string, { id, ...row }: Omit<Member, 'serverId'>): Member {
  return { id: fullConnectionId(serverId, id), serverId, ...row };
}

function* countParts(connections: readonly LocalConnection[]): Generator<Buffer> {
  const counted = new Set<string>();
  for (let start = 0; start === 0 || start < connections.length; start += COUNTED_PER_PART) {
    const slice = connections.slice(start, start + COUNTED_PER_PART);
    const users = new Set(slice.flatMap(({ userId }) => userId ?? []).filter((user) => !counted.has(user)));
    for (const user of users) counted.add(user);
    yield encodeCountPart({ connections: slice.length, users: [...users] });
  }
}
