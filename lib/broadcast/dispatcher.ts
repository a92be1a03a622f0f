import type { CommandAction } from '../protocol/command-record.js';
import { MessageFrames } from '../protocol/message-frames.js';
import { type Address, ALL, type TargetRef } from '../protocol/target.js';
import type { Delivery } from '../routing/delivery.js';
import type { EmitOptions } from '../routing/emitter.js';
import type { LocalConnection } from '../routing/local-connection.js';
import { InvokeTargetError } from '../routing/request.errors.js';
import type { Router } from '../routing/router.js';
import type { BackplaneConnection } from './backplane-connection.js';
import { allResults, type InvokeAllResult, type InvokeOptions, singleResult } from './invoke.js';

/** Whom a call concerns, and whether only this server's own of them. */
export interface Scope {
  readonly address: Address;
  readonly local: boolean;
}

/** What targets and connections need of the rooms below. */
export class Dispatcher {
  private readonly clients = new Map<LocalConnection, BackplaneConnection>();

  constructor(
    private readonly router: Router,
    private readonly invokeTimeoutMs: number,
  ) {}

  get openPaths(): string[] {
    return this.router.roster.paths;
  }

  emit(address: Address, event: string, data: unknown, options: EmitOptions): Promise<Delivery> {
    const delivery = this.router.emitter.emit(address, MessageFrames.of({ event, data }), options);
    // Whoever does not await it has not asked to know: the failure is on errors$ and in the log.
    delivery.catch(() => undefined);
    return delivery;
  }

  async invoke<T>(
    { address, local }: Scope,
    event: string,
    data: unknown,
    options: InvokeOptions<T>,
  ): Promise<T> {
    const [target, ...others] = address.targets;
    if (target?.kind !== 'connection' || others.length > 0) throw new InvokeTargetError();
    const { timeout: timeoutMs = this.invokeTimeoutMs, signal, parse } = options;
    const ask = await this.router.asks.ask(address, event, data, { timeoutMs, signal, local });
    return singleResult(ask, target.name, timeoutMs, parse);
  }

  async invokeAll<T>(
    { address, local }: Scope,
    event: string,
    data: unknown,
    options: InvokeOptions<T>,
  ): Promise<InvokeAllResult<T>> {
    const { timeout: timeoutMs = this.invokeTimeoutMs, signal, parse } = options;
    return allResults(await this.router.asks.ask(address, event, data, { timeoutMs, signal, local }), parse);
  }

  command({ address, local }: Scope, action: CommandAction): Promise<void> {
    return this.router.commands.run(address, action, local);
  }

  join(connection: LocalConnection, group: string): Promise<void> {
    return this.router.roster.join(connection, group);
  }

  leave(connection: LocalConnection, group: string): void {
    this.router.roster.leave(connection, group);
  }

  /** @returns false when the client answers what another one was asked */
  answer(connection: LocalConnection, id: string, outcome: 'data' | 'error', value: unknown): boolean {
    return this.router.asks.answer(connection, id, { outcome, value });
  }

  /** A gateway serves this path. Idempotent. */
  open(path: string): void {
    this.router.roster.open(path);
  }

  /** Routing knows the connection from now on; resolves when every server can reach it, as far as Redis is there. */
  admit(connection: LocalConnection, client: BackplaneConnection): Promise<void> {
    this.clients.set(connection, client);
    return this.router.roster.add(connection);
  }

  dismiss(connection: LocalConnection): void {
    this.router.remove(connection);
    this.clients.delete(connection);
  }

  *connections(path: string): Generator<BackplaneConnection> {
    for (const connection of this.router.roster.members(path)?.all() ?? []) {
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
