import type { IncomingMessage } from 'node:http';

/** Who a client is, as `authenticate` found out. */
export interface Admission<Data = unknown> {
  /** The user that the connection belongs to; a user may have many connections. */
  userId?: string;
  /** What handlers find as `client.data`; an empty object where it is left out. */
  data?: Data;
  /** When the connection is closed with 1008, unless `client.renew()` has set a later time. */
  expiresAt?: Date;
}

/**
 * Says who a client is, before its WebSocket is opened. Returns its admission, or `null` to refuse it with 401; an
 * exception of Nest's, such as `ForbiddenException`, refuses it with its status. Anything else that is thrown or
 * returned is a failure of the server: the client gets 503, and the log the stack.
 *
 * @param path the gateway's path: `/chat`, or `8081/chat` for one with a port of its own
 */
export type Authenticate = (
  request: IncomingMessage,
  path: string,
) => Admission | null | Promise<Admission | null>;

/**
 * Says who a client is, as a class: what it needs is injected.
 *
 * ```ts
 * @Injectable()
 * export class JwtAuthenticator implements Authenticator {
 *   constructor(private readonly jwt: JwtService) {}
 *
 *   async authenticate(request: IncomingMessage) {
 *     const { sub } = await this.jwt.verifyAsync<{ sub: string }>(tokenOf(request));
 *     return { userId: sub };
 *   }
 * }
 * ```
 */
export interface Authenticator {
  /** As {@link Authenticate} describes. */
  authenticate(request: IncomingMessage, path: string): Admission | null | Promise<Admission | null>;
}

/** A class that Nest makes one instance of. */
export type AuthenticatorClass = new (...dependencies: never[]) => Authenticator;

/** Who asks clients: a function, an object, or a class for Nest to resolve. */
export type AuthenticateOption = Authenticate | Authenticator | AuthenticatorClass;

export function isAuthenticatorClass(value: unknown): value is AuthenticatorClass {
  return typeof value === 'function' && isAuthenticator(value.prototype);
}

export function isAuthenticator(value: unknown): value is Authenticator {
  return (
    typeof value === 'object' &&
    value !== null &&
    'authenticate' in value &&
    typeof value.authenticate === 'function'
  );
}

/** What is wrong with a value that should say who authenticates clients; `undefined` where it can. */
export function authenticateProblem(value: unknown): string | undefined {
  if (isAuthenticatorClass(value) || isAuthenticator(value)) return undefined;
  if (typeof value !== 'function')
    return 'must be a function, or a class or object with a method authenticate';
  return isClass(value) ? `the class ${value.name} has no method authenticate(request, path)` : undefined;
}

function isClass(value: object): boolean {
  return Function.prototype.toString.call(value).startsWith('class');
}
