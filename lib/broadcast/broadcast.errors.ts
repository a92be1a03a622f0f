import { BackplaneError } from '../protocol/backplane.error.js';

/** An injected broadcaster was asked to emit by itself in an app that has not exactly one path. */
export class PathRequiredError extends BackplaneError {
  override readonly name = 'PathRequiredError';
  override readonly code = 'BACKPLANE_PATH_REQUIRED';

  constructor(readonly paths: readonly string[]) {
    const has = paths.length === 0 ? 'no gateway' : `gateways on ${paths.join(', ')}`;
    super(
      `This app has ${has}, so say which path is meant: broadcaster.gateway(ChatGateway) or broadcaster.gateway('/chat').`,
    );
  }
}

/** `.all` was used on a target that names someone, which would silently address everyone. */
export class TargetWidenedError extends BackplaneError {
  override readonly name = 'TargetWidenedError';
  override readonly code = 'BACKPLANE_TARGET_WIDENED';

  constructor() {
    super(
      'This target names groups, users or connections, so .all would widen it to everyone. Leave .all out, or begin with it: broadcaster.all.',
    );
  }
}

/** A class that is no gateway was given where one is needed. */
export class NotAGatewayError extends BackplaneError {
  override readonly name = 'NotAGatewayError';
  override readonly code = 'BACKPLANE_NOT_A_GATEWAY';
  readonly argument = 'gateway';

  constructor(className: string) {
    super(`${className || 'A function'} is not a gateway: it has no @WebSocketGateway() decorator.`);
  }
}

/** A gateway's path cannot be served. Bootstrap stops with it. */
export class InvalidPathError extends BackplaneError {
  override readonly name = 'InvalidPathError';
  override readonly code = 'BACKPLANE_INVALID_PATH';

  constructor(
    /** The option of `@WebSocketGateway()` that is wrong. */
    readonly option: 'path' | 'namespace' | 'options',
    problem: string,
  ) {
    super(
      `A gateway cannot be served: ${problem}. Write a path such as @WebSocketGateway({ path: '/chat' }).`,
    );
  }
}
