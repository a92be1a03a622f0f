import { type ArgumentsHost, Catch } from '@nestjs/common';
import { BaseWsExceptionFilter } from '@nestjs/websockets';
import { BackplaneConnection } from '../broadcast/backplane-connection.js';
import { BackplaneExceptionFilter } from './backplane-exception.filter.js';

/**
 * Handles every error that no filter of the app catches, as {@link BackplaneExceptionFilter} does.
 *
 * The package does not export it, because gateway-filters.ts installs it on every gateway.
 */
@Catch()
export class DefaultExceptionFilter extends BaseWsExceptionFilter<unknown> {
  private readonly ours = new BackplaneExceptionFilter();

  override catch(error: unknown, host: ArgumentsHost): void {
    // A gateway class may also be a GraphQL resolver. Its caller handles what the filters throw.
    if (host.getType() !== 'ws') throw error;
    // The same class may serve in another app of this process, with another adapter. There this filter acts like Nest's own.
    const isOurs = host.switchToWs().getClient<unknown>() instanceof BackplaneConnection;
    if (isOurs) this.ours.catch(error, host);
    else super.catch(error, host);
  }
}
