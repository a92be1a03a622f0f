import { inspect } from 'node:util';
import { type ArgumentsHost, Catch, IntrinsicException } from '@nestjs/common';
import { BaseWsExceptionFilter, WsException } from '@nestjs/websockets';
import { BackplaneConnection } from '../broadcast/backplane-connection.js';
import { INTERNAL_ERROR } from '../broadcast/exception-payload.js';
import { BackplaneExceptionFilter, isForClients } from './backplane-exception.filter.js';
import { isServerFault, readHttpFailure } from './http-failure.js';
import type { LimitedLog } from '../broadcast/limited-log.js';

/**
 * What clients and the log are told of an error that no filter of the app's own takes:
 *
 * - a `WsException`: the client gets what it says, as in Nest
 * - an error of the backplane's that has a meaning for the client: as {@link BackplaneExceptionFilter} tells it
 * - an `HttpException`: the client gets its message and status; the log gets one of 500 or more
 * - anything else is a bug: "Internal server error" for the client, and its stack for the log
 *
 * Not exported: every gateway has it, see gateway-filters.ts.
 */
@Catch()
export class DefaultExceptionFilter extends BaseWsExceptionFilter<unknown> {
  private readonly backplaneErrors = new BackplaneExceptionFilter();

  constructor(private readonly log: LimitedLog) {
    super();
  }

  override catch(error: unknown, host: ArgumentsHost): void {
    // A gateway class may be a resolver, too: what calls that takes what its filters throw.
    if (host.getType() !== 'ws') throw error;
    // The class may also serve in an app of the same process that has another adapter: there it is Nest's own filter.
    const isOurs = host.switchToWs().getClient<unknown>() instanceof BackplaneConnection;
    if (!isOurs || error instanceof WsException) return super.catch(error, host);
    if (isForClients(error)) return this.backplaneErrors.catch(error, host);
    const failure = readHttpFailure(error);
    if (failure ? isServerFault(failure) : !(error instanceof IntrinsicException)) this.logBug(error, host);
    this.tell(failure ? { status: 'error', ...failure } : INTERNAL_ERROR, host);
  }

  private tell(payload: object, host: ArgumentsHost): void {
    const { includeCause, causeFactory } = this.options;
    const ws = host.switchToWs();
    const cause = includeCause ? { cause: causeFactory?.(ws.getPattern(), ws.getData()) } : undefined;
    super.catch(new WsException({ ...payload, ...cause }), host);
  }

  private logBug(error: unknown, host: ArgumentsHost): void {
    // What `@SubscribeMessage()` says, so nothing that a client chooses; a hook that fails has no pattern.
    const pattern: unknown = host.switchToWs().getPattern();
    const what = typeof pattern === 'string' ? `The handler of '${pattern}'` : 'A gateway';
    const isPlainObject = typeof error === 'object' && error !== null && !(error instanceof Error);
    this.log.error(what, `${what} failed`, isPlainObject ? shown(error) : error);
  }
}

/** What is thrown may be an object of any size, and its own code may throw. */
function shown(value: object): string {
  try {
    return inspect(value, { depth: 1, breakLength: Infinity, maxArrayLength: 10, maxStringLength: 200 });
  } catch {
    return 'an object that cannot be shown';
  }
}
