import type { IncomingMessage } from 'node:http';

/** Who a client is: the result of `authenticate`. */
export interface Admission<Data = unknown> {
  /** The user that the connection belongs to; a user may have many connections. */
  userId?: string;
  /** Becomes `client.data` in handlers. @default an empty object */
  data?: Data;
  /** When to close the connection with 1008, unless `client.renew()` sets a later time. @default never */
  expiresAt?: Date;
}

/**
 * Says who a client is, before its WebSocket opens. Returns the client's admission, or `null` to refuse the client with
 * 401. An exception of Nest, such as `ForbiddenException`, refuses it with its own status. Anything else that it throws or
 * returns is a failure of the server: the client gets 503, and the stack is logged.
 *
 * @param path the gateway's path: `/chat`, or `8081/chat` for one with a port of its own
 */
export type Authenticate = (
  request: IncomingMessage,
  path: string,
) => Admission | null | Promise<Admission | null>;

/**
 * {@link Authenticate} as a class, so that its dependencies are injected.
 *
 * ```ts
 * @Injectable()
 * export class JwtAuthenticator implements Authenticator {
 *   constructor(private readonly jwt: JwtService) {}
 *
 *   async authenticate(request: IncomingMessage) {
 *     const token = await this.jwt.verifyAsync<{ sub: string }>(tokenOf(request)).catch(() => null);
 *     return token && { userId: token.sub };
 *   }
 * }
 * ```
 */
export interface Authenticator {
  /** As {@link Authenticate} describes. */
  authenticate(request: IncomingMessage, path: string): Admission | null | Promise<Admission | null>;
}

/** A class of which Nest creates one instance. */
export type AuthenticatorClass = new (...dependencies: never[]) => Authenticator;

/** How clients are authenticated: by a function, an object, or an injectable class. */
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

/** @returns why the value cannot be an {@link AuthenticateOption}; `undefined` if it can */
export function authenticateProblem(value: unknown): string | undefined {
  if (isAuthenticatorClass(value) || isAuthenticator(value)) return undefined;
  if (typeof value !== 'function')
    return 'must be a function, or a class or object with a method authenticate';
  return isClass(value) ? `the class ${value.name} has no method authenticate(request, path)` : undefined;
}

function isClass(value: object): boolean {
  return Function.prototype.toString.call(value).startsWith('class');
}
