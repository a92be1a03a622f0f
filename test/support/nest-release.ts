import { createRequire } from 'node:module';
import * as websockets from '@nestjs/websockets';

// The tests also run on the oldest supported releases of Nest, which differ from the newest ones in some ways of their own.
// test/module/nest-11.spec.ts proves each difference with `WsAdapter`.

const { version } = createRequire(import.meta.url)('@nestjs/core/package.json') as { version: string };

export const IS_NEST_11 = version.startsWith('11.');

/** Nest has `@Ack()` since 11.1.7. */
export const HAS_ACK = 'Ack' in websockets;

/** `@Ack()`, or a decorator that does nothing if Nest has none. */
export const Ack: () => ParameterDecorator = HAS_ACK ? websockets.Ack : () => () => undefined;

/** What `handleDisconnect` gets as the second argument: Nest 11 does not pass the close code. */
export function passedCode(code: number): number | undefined {
  return IS_NEST_11 ? undefined : code;
}
