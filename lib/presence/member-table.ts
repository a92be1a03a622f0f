import { fullConnectionId } from '../protocol/connection-id.js';
import type { PresenceMember } from './presence-change.js';

/** A connection in a watched group. Small, because there is one for each remote member. */
export interface Row {
  /** The server that holds the connection. All rows of a server share the string. */
  readonly server: string;
  /** The connection's id without the server's and the dot, because the whole id would take another 72 bytes. */
  readonly id: string;
  /** Empty if the connection has no user. */
  readonly userId: string;
  /** JSON text; empty if it has none. */
  readonly data: string;
}

/** The rows of a watched group, by server and by member. */
export class MemberTable {
  private readonly byServer = new Map<string, Map<string, Row>>();
  /** By member: its row, or its rows in the order of their changes. */
  private readonly byKey = new Map<string, Row | readonly Row[]>();
  /** The number of rows. */
  size = 0;

  /** Calls `visit` for each member. Fast, because a snapshot describes them all in one turn. */
  forEach(visit: (key: string, rows: Row | readonly Row[]) => void): void {
    this.byKey.forEach((rows, key) => visit(key, rows));
  }

  get memberCount(): number {
    return this.byKey.size;
  }

  has(key: string): boolean {
    return this.byKey.has(key);
  }

  rowsOf(server: string): readonly Row[] {
    return [...(this.byServer.get(server)?.values() ?? [])];
  }

  get(server: string, id: string): Row | undefined {
    return this.byServer.get(server)?.get(id);
  }

  /** The rows of a member. The last one changed last. */
  of(key: string): readonly Row[] {
    const known = this.byKey.get(key) ?? [];
    return 'id' in known ? [known] : known;
  }

  put(row: Row): void {
    const { server } = row;
    const rows = this.byServer.get(server) ?? new Map<string, Row>();
    this.byServer.set(server, rows);
    const key = keyOf(row);
    const others = this.of(key).filter((other) => !isSame(other, row));
    this.byKey.set(key, others.length === 0 ? row : [...others, row]);
    if (!rows.has(row.id)) this.size++;
    rows.set(row.id, row);
  }

  remove(server: string, id: string): void {
    const rows = this.byServer.get(server);
    const row = rows?.get(id);
    if (!rows || !row) return;
    rows.delete(id);
    this.size--;
    if (rows.size === 0) this.byServer.delete(server);
    const key = keyOf(row);
    const [first, ...others] = this.of(key).filter((other) => !isSame(other, row));
    if (!first) this.byKey.delete(key);
    else this.byKey.set(key, others.length === 0 ? first : [first, ...others]);
  }
}

/** The user, or the connection if it has no user. */
export function keyOf(row: Row): string {
  return row.userId === '' ? connectionId(row) : row.userId;
}

function connectionId({ server, id }: Row): string {
  return fullConnectionId(server, id);
}

function isSame(a: Row, b: Row): boolean {
  return a.id === b.id && a.server === b.server;
}

/** Describes a member to users. @param last the row whose data counts */
export function memberOf(key: string, rows: readonly Row[], last: Row): PresenceMember {
  const userId = last.userId === '' ? undefined : last.userId;
  const connectionIds = rows.map(connectionId);
  const serverIds = [...new Set(rows.map(({ server }) => server))];
  if (last.data === '') return { key, userId, connectionIds, serverIds };
  return { key, userId, connectionIds, serverIds, data: parsed(last.data) };
}

/** Describes a member with a single row. */
export function singleMemberOf(key: string, row: Row): PresenceMember {
  const userId = row.userId === '' ? undefined : row.userId;
  const connectionIds = [connectionId(row)];
  const serverIds = [row.server];
  if (row.data === '') return { key, userId, connectionIds, serverIds };
  return { key, userId, connectionIds, serverIds, data: parsed(row.data) };
}

/** Another server's bytes may be anything, and must not stop the report of all others. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
