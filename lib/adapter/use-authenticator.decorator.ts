import { SetMetadata } from '@nestjs/common';
import { authenticateProblem, type AuthenticateOption } from '../options/authenticate.js';
import { InvalidOptionsError } from '../options/invalid-options.error.js';

/** A string and not a symbol, so that two copies of the package in one app use the same key. */
export const AUTHENTICATOR_METADATA = 'nestjs-redis-backplane:authenticator';

/**
 * Sets the authenticator of one gateway. It overrides the module's option `authenticate`. `false` admits every client,
 * without a user.
 *
 * ```ts
 * @UseAuthenticator(JwtAuthenticator)
 * @WebSocketGateway({ path: '/chat' })
 * export class ChatGateway {}
 * ```
 *
 * A class is looked up as a provider, first in the gateway's module and then in the rest of the app. If it is no provider,
 * an instance is created in the gateway's module. Gateways that share a path share its clients, so decorate only one of
 * them. If two have different authenticators, startup fails with `InvalidOptionsError`.
 *
 * @param authenticate a function, an object with a method `authenticate`, a class with that method, or `false`
 * @throws InvalidOptionsError for any other value, such as `undefined` because of a circular import
 */
export function UseAuthenticator(authenticate: AuthenticateOption | false): ClassDecorator {
  const problem = authenticate === false ? undefined : authenticateProblem(authenticate);
  if (problem !== undefined) throw new InvalidOptionsError([`@UseAuthenticator(): ${problem}`]);
  return SetMetadata(AUTHENTICATOR_METADATA, authenticate);
}
