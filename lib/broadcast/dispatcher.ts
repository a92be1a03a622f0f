import type { Delivery } from '../routing/delivery.js';
import type { LocalConnection } from '../routing/local-connection.js';
import type { EmitOptions, Router } from '../routing/router.js';
import { MessageFrames } from '../protocol/message-frames.js';
import { ALL, type Address, type TargetRef } from '../protocol/target.js';
import type { BackplaneConnection } from './backplane-connection.js';

/** What targets and connections need of the rooms below. */
export class Dispatcher {
  private readonly clients = new Map<LocalConnection, BackplaneConnection>();

  constructor(private readonly router: Router) {}

  get openPaths(): string[] {
    return [...this.router.openPaths];
  }

  emit(address: Address, event: string, data: unknown, options: EmitOptions): Promise<Delivery> {
    const frames = MessageFrames.of({ event, data });
    const delivery = this.router.emit(address, frames, options);
    // Whoever does not await it has not asked to know: the failure is on errors$ and in the log.
    delivery.catch(() => undefined);
    return delivery;
  }

  join(connection: LocalConnection, group: string): Promise<void> {
    return this.router.join(connection, group);
  }

  leave(connection: LocalConnection, group: string): void {
    this.router.leave(connection, group);
  }

  /** Routing knows the connection from now on; resolves when every server can reach it, as far as Redis is there. */
  admit(connection: LocalConnection, client: BackplaneConnection): Promise<void> {
    this.clients.set(connection, client);
    return this.router.add(connection);
  }

  dismiss(connection: LocalConnection): void {
    this.router.remove(connection);
    this.clients.delete(connection);
  }

  *connections(path: string): Generator<BackplaneConnection> {
    for (const connection of this.router.members(path)?.all() ?? []) {
      const client = this.clients.get(connection);
      if (client) yield client;
    }
  }
}

/** The address of one connection. */
export function addressOf(path: string, connectionId: string): Address {
  return { path, targets: [{ kind: 'connection', name: connectionId }], excluded: [] };
}

/** No target named means all. */
export function orAll(targets: readonly TargetRef[]): readonly TargetRef[] {
  return targets.length > 0 ? targets : [ALL];
}
