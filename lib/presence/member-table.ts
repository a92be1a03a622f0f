import { SERVER_ID_LENGTH } from '../protocol/envelope.js';
import type { PresenceMember } from './presence-change.js';

/** A connection in a watched group. Small, because there is one for each remote member. */
export interface Row {
  /** The connection's id. */
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

  get keys(): IterableIterator<string> {
    return this.byKey.keys();
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

  put(server: string, row: Row): void {
    const rows = this.byServer.get(server) ?? new Map<string, Row>();
    this.byServer.set(server, rows);
    const key = keyOf(row);
    const others = this.of(key).filter(({ id }) => id !== row.id);
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
    const [first, ...others] = this.of(key).filter((other) => other.id !== id);
    if (!first) this.byKey.delete(key);
    else this.byKey.set(key, others.length === 0 ? first : [first, ...others]);
  }
}

/** The user, or the connection if it has no user. */
export function keyOf({ id, userId }: Row): string {
  return userId === '' ? id : userId;
}

/** Describes a member to users. @param rows its rows @param last the row whose data counts */
export function memberOf(key: string, rows: readonly Row[], last: Row): PresenceMember {
  const { userId } = last;
  const described = {
    key,
    userId: userId === '' ? undefined : userId,
    connectionIds: rows.map(({ id }) => id),
    serverIds: serversOf(rows),
  };
  const data = parsed(last.data);
  return data === undefined ? described : { ...described, data };
}

function serversOf(rows: readonly Row[]): readonly string[] {
  const servers = rows.map(({ id }) => id.slice(0, SERVER_ID_LENGTH));
  return servers.length > 1 ? [...new Set(servers)] : servers;
}

/** Another server's bytes may be anything, and must not stop the report of all others. */
function parsed(json: string): unknown {
  try {
    return json === '' ? undefined : JSON.parse(json);
  } catch {
    return undefined;
  }
}
