import type { CommandAction } from '../protocol/command-record.js';
import { MessageFrames } from '../protocol/message-frames.js';
import type { Address } from '../protocol/target.js';
import type { Delivery } from '../routing/delivery.js';
import type { EmitOptions } from '../routing/emitter.js';
import type { LocalConnection } from '../routing/local-connection.js';
import { InvokeTargetError } from '../routing/request.errors.js';
import type { Router } from '../routing/router.js';
import { checkData, checkEvent, checkInvokeOptions } from './arguments.js';
import type { UnreachableUsers } from './unreachable-users.js';
import { allResults, type InvokeAllResult, type InvokeOptions, singleResult } from './invoke.js';

/** Whom a call concerns, and whether only this server's own of them. */
export interface Scope {
  readonly address: Address;
  readonly local: boolean;
}

/** What targets and connections need of the rooms below. */
export class Dispatcher {
  constructor(
    private readonly router: Router,
    private readonly invokeTimeoutMs: number,
    /** `undefined` in an app that authenticates its clients. */
    private readonly unreachable?: UnreachableUsers,
  ) {}

  /**
   * Whatever is wrong with the arguments is a rejection, and is reported as a failed emit is.
   *
   * @param addressOf a function, because an unbound broadcaster finds its path only now
   */
  emit(addressOf: () => Address, event: string, data: unknown, options: EmitOptions): Promise<Delivery> {
    try {
      checkEvent(event);
      checkData(data);
      const address = addressOf();
      this.unreachable?.check(address);
      return this.router.emitter.emit(address, MessageFrames.of({ event, data }), options);
    } catch (error) {
      return this.refuse(error);
    }
  }

  /** An emit that cannot be done: reported, and no unhandled rejection where nobody awaits it. */
  refuse(error: unknown): Promise<Delivery> {
    return this.router.emitter.refuse(error);
  }

  async invoke<T>(
    { address, local }: Scope,
    event: string,
    data: unknown,
    options: InvokeOptions<T>,
  ): Promise<T> {
    checkEvent(event);
    checkData(data);
    checkInvokeOptions(options);
    const [target, ...others] = address.targets;
    if (target?.kind !== 'connection' || others.length > 0) throw new InvokeTargetError();
    const { timeout: timeoutMs = this.invokeTimeoutMs, signal, parse } = options;
    const invocation = await this.router.invocations.invoke(address, event, data, {
      timeoutMs,
      signal,
      local,
    });
    return singleResult(invocation, target.name, timeoutMs, parse);
  }

  async invokeAll<T>(
    { address, local }: Scope,
    event: string,
    data: unknown,
    options: InvokeOptions<T>,
  ): Promise<InvokeAllResult<T>> {
    checkEvent(event);
    checkData(data);
    checkInvokeOptions(options);
    this.unreachable?.check(address);
    const { timeout: timeoutMs = this.invokeTimeoutMs, signal, parse } = options;
    return allResults(
      await this.router.invocations.invoke(address, event, data, { timeoutMs, signal, local }),
      parse,
    );
  }

  command({ address, local }: Scope, action: CommandAction): Promise<void> {
    this.unreachable?.check(address);
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
    return this.router.invocations.respond(connection, id, { outcome, value });
  }
}

/** The address of one connection. */
export function addressOf(path: string, connectionId: string): Address {
  return { path, targets: [{ kind: 'connection', name: connectionId }], excluded: [] };
}
