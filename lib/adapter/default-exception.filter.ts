import { inspect } from 'node:util';
import { type ArgumentsHost, Catch, IntrinsicException } from '@nestjs/common';
import { BaseWsExceptionFilter, WsException } from '@nestjs/websockets';
import { BackplaneConnection } from '../broadcast/backplane-connection.js';
import { INTERNAL_ERROR } from '../broadcast/exception-payload.js';
import { BackplaneExceptionFilter, isForClients } from './backplane-exception.filter.js';
import { isServerFault, readHttpFailure } from './http-failure.js';
import type { LimitedLog } from '../broadcast/limited-log.js';
import { Reply } from './reply.js';

/**
 * Handles every error that no filter of the app catches:
 *
 * - `WsException`: the client gets its content, as in Nest
 * - an error of the backplane that concerns the client: {@link BackplaneExceptionFilter} handles it
 * - `HttpException`: the client gets its message and status; a status of 500 or above is also logged
 * - anything else is a bug: the client gets "Internal server error", and the log gets the stack
 *
 * The package does not export it, because gateway-filters.ts installs it on every gateway.
 */
@Catch()
export class DefaultExceptionFilter extends BaseWsExceptionFilter<unknown> {
  private readonly backplaneErrors = new BackplaneExceptionFilter();

  constructor(private readonly log: LimitedLog) {
    super();
  }

  override catch(error: unknown, host: ArgumentsHost): void {
    // A gateway class may also be a GraphQL resolver. Its caller handles what the filters throw.
    if (host.getType() !== 'ws') throw error;
    // The same class may serve in another app of this process, with another adapter. There this filter acts like Nest's own.
    const isOurs = host.switchToWs().getClient<unknown>() instanceof BackplaneConnection;
    if (!isOurs || error instanceof WsException) return super.catch(error, host);
    if (isForClients(error)) return this.backplaneErrors.catch(error, host);
    const failure = readHttpFailure(error);
    if (failure ? isServerFault(failure) : !(error instanceof IntrinsicException)) this.logBug(error, host);
    if (!failure) Reply.noteBug(error);
    this.send(failure ? { status: 'error', ...failure } : INTERNAL_ERROR, host);
  }

  private send(payload: object, host: ArgumentsHost): void {
    const { includeCause, causeFactory } = this.options;
    const ws = host.switchToWs();
    const cause = includeCause ? { cause: causeFactory?.(ws.getPattern(), ws.getData()) } : undefined;
    super.catch(new WsException({ ...payload, ...cause }), host);
  }

  private logBug(error: unknown, host: ArgumentsHost): void {
    // The argument of `@SubscribeMessage()`, so a client cannot choose it. A hook has no pattern.
    const pattern: unknown = host.switchToWs().getPattern();
    const what = typeof pattern === 'string' ? `The handler of '${pattern}'` : 'A gateway';
    const isPlainObject = typeof error === 'object' && error !== null && !(error instanceof Error);
    this.log.error(what, `${what} failed`, isPlainObject ? shown(error) : error);
  }
}

/** Shortens a thrown object for the log. It may be of any size, and its own code may throw. */
function shown(value: object): string {
  try {
    return inspect(value, { depth: 1, breakLength: Infinity, maxArrayLength: 10, maxStringLength: 200 });
  } catch {
    return 'an object that cannot be shown';
  }
}
