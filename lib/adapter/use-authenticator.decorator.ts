import { SetMetadata } from '@nestjs/common';
import { authenticateProblem, type AuthenticateOption } from '../options/authenticate.js';
import { InvalidOptionsError } from '../options/invalid-options.error.js';

/** Not a symbol: two copies of the package must understand each other. */
export const AUTHENTICATOR_METADATA = 'nestjs-redis-backplane:authenticator';

/**
 * Says who authenticates the clients of one gateway, instead of the module's option `authenticate`; `false` admits
 * everyone, without a user.
 *
 * ```ts
 * @UseAuthenticator(JwtAuthenticator)
 * @WebSocketGateway({ path: '/chat' })
 * export class ChatGateway {}
 * ```
 *
 * A class is resolved as a provider: the gateway's module is asked first, then the rest of the app. One that is no
 * provider is created in the gateway's module. Gateways that share a path share its clients, so it is enough to decorate
 * one of them, and two that name different authenticators fail at startup.
 *
 * @throws InvalidOptionsError for anything else, such as the `undefined` of a circular import
 */
export function UseAuthenticator(authenticate: AuthenticateOption | false): ClassDecorator {
  const problem = authenticate === false ? undefined : authenticateProblem(authenticate);
  if (problem !== undefined) throw new InvalidOptionsError([`@UseAuthenticator(): ${problem}`]);
  return SetMetadata(AUTHENTICATOR_METADATA, authenticate);
}
