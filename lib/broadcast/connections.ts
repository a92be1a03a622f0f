import type { BackplaneConnection } from './backplane-connection.js';

/** This server's own connections, by path. A connection is removed as soon as it begins to close. */
export class Connections {
  private readonly byPath = new Map<string, Set<BackplaneConnection>>();

  add(path: string, connection: BackplaneConnection): void {
    const known = this.byPath.get(path);
    if (known) known.add(connection);
    else this.byPath.set(path, new Set([connection]));
  }

  remove(path: string, connection: BackplaneConnection): void {
    this.byPath.get(path)?.delete(connection);
  }

  *of(path: string): Generator<BackplaneConnection> {
    yield* this.byPath.get(path) ?? [];
  }
}
