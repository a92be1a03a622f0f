import { BackplaneError } from '../protocol/backplane.error.js';

/** An injected broadcaster was used without `.gateway(…)` in an app that does not have exactly one path. `paths` lists them. */
export class PathRequiredError extends BackplaneError {
  override readonly name = 'PathRequiredError';
  override readonly code = 'BACKPLANE_PATH_REQUIRED';

  constructor(readonly paths: readonly string[]) {
    const has = paths.length === 0 ? 'no gateway' : `gateways on ${paths.join(', ')}`;
    super(
      `The broadcaster needs a path, because this app has ${has}. Use broadcaster.gateway(ChatGateway) or broadcaster.gateway('/chat').`,
    );
  }
}

/** `.all` was used on a target that already names groups, users or connections. It would silently address everyone. */
export class TargetWidenedError extends BackplaneError {
  override readonly name = 'TargetWidenedError';
  override readonly code = 'BACKPLANE_TARGET_WIDENED';

  constructor() {
    super(
      'This target names groups, users or connections, so .all would widen it to everyone. Remove .all, or use broadcaster.all to reach everyone.',
    );
  }
}

/** A class was passed as a gateway but has no `@WebSocketGateway()` decorator. */
export class NotAGatewayError extends BackplaneError {
  override readonly name = 'NotAGatewayError';
  override readonly code = 'BACKPLANE_NOT_A_GATEWAY';
  readonly argument = 'gateway';

  constructor(className: string) {
    super(`${className || 'A function'} is not a gateway: it has no @WebSocketGateway() decorator.`);
  }
}

/** A gateway has options that cannot be served, such as a path with a space. Bootstrap fails with this error. */
export class InvalidPathError extends BackplaneError {
  override readonly name = 'InvalidPathError';
  override readonly code = 'BACKPLANE_INVALID_PATH';

  constructor(
    /** The name of the gateway's class. */
    readonly gateway: string,
    /** The option of `@WebSocketGateway()` that is wrong. */
    readonly option: 'path' | 'namespace' | 'options',
    problem: string,
    /** A path to use instead, if there is an obvious one. */
    suggested?: string,
  ) {
    const advice = suggested === undefined ? "Use a path such as '/chat'" : 'Use the path instead';
    super(
      `${gateway || 'A gateway'} cannot be served: ${problem}. ${advice}: @WebSocketGateway({ path: '${suggested ?? '/chat'}' }).`,
    );
  }
}
