import type { LocalConnection } from '../routing/local-connection.js';
import type { Router } from '../routing/router.js';
import type { BackplaneConnection } from './backplane-connection.js';

/** This server's own connections, as users see them. */
export class Connections {
  private readonly clients = new Map<LocalConnection, BackplaneConnection>();

  constructor(private readonly router: Router) {}

  /** The paths that gateways of this process serve. */
  get paths(): string[] {
    return this.router.roster.paths;
  }

  /** A gateway serves this path. Idempotent. */
  open(path: string): void {
    this.router.roster.open(path);
  }

  /** Whether the path's broadcasts are heard, as far as Redis is there. */
  hears(path: string): boolean {
    return this.router.roster.hears(path);
  }

  /** Someone is about to connect: the promise resolves when the path's broadcasts are heard, as far as Redis is there. To be followed by `arrived`. */
  expect(path: string): Promise<void> {
    return this.router.roster.expect(path);
  }

  /** Who was expected is admitted by now, or does not come. */
  arrived(path: string): void {
    this.router.roster.arrived(path);
  }

  /** Routing knows the connection from now on. The promise resolves when every server can reach it, as far as Redis is there; without one they can now. */
  admit(connection: LocalConnection, client: BackplaneConnection): Promise<void> | undefined {
    this.clients.set(connection, client);
    return this.router.roster.add(connection);
  }

  dismiss(connection: LocalConnection): void {
    this.router.remove(connection);
    this.clients.delete(connection);
  }

  *of(path: string): Generator<BackplaneConnection> {
    for (const connection of this.router.roster.members(path)?.all() ?? []) {
      const client = this.clients.get(connection);
      if (client) yield client;
    }
  }
}
