import type { INestApplicationContext } from '@nestjs/common';
import { InvalidArgumentError } from '../protocol/invalid-argument.error.js';
import { Router } from '../routing/router.js';
import { RecordedEmits } from './recorded-emits.js';
import { TestSetupError } from './testing.errors.js';

/** A recording of what an app emits. Goes on until `stop` is called or the app is gone. */
export interface EmitRecording extends RecordedEmits {
  /** Ends the recording. What was recorded stays readable. */
  stop(): void;
}

/**
 * Records what an app emits, and to whom, from now on. Messages are delivered as usual.
 *
 * ```ts
 * const emits = recordEmits(app);
 * await app.get(OrdersService).ship('o1');
 * expect(emits.all).toEqual([
 *   { path: '/orders', target: { user: ['ada'] }, event: 'shipped', data: { id: 'o1' } },
 * ]);
 * ```
 *
 * Records every `emit` of a `Broadcaster`, however the app got it. An emit that is rejected before any client can receive it
 * is not recorded; one that fails on its way to Redis is. `client.emit` is recorded as
 * `server.local.connection(client.id).emit`. An `exception` for a client's frame and the result of a handler are replies, so
 * they are not recorded. Use {@link connectTestClient} for them.
 *
 * @param app an app, or a `TestingModule`. Its gateways do not have to be connected yet
 * @throws TestSetupError when the app does not import `RedisBackplaneModule`
 * @throws InvalidArgumentError when it is not an app
 */
export function recordEmits(app: Pick<INestApplicationContext, 'get'>): EmitRecording {
  const { sendListeners } = routerOf(app);
  const emits = new RecordedEmits();
  const stop = sendListeners.add((sent) => emits.add(sent, sendListeners.protocols));
  return Object.assign(emits, { stop });
}

function routerOf(app: Pick<INestApplicationContext, 'get'>): Router {
  const given: unknown = app;
  if (typeof given !== 'object' || given === null || !('get' in given))
    throw new InvalidArgumentError(
      'app',
      'a Nest app or a compiled TestingModule (is an await missing?)',
      app,
    );
  try {
    return app.get(Router, { strict: false });
  } catch (cause) {
    throw new TestSetupError(
      'This app has no backplane to record. Import RedisBackplaneModule.forRoot(…) in the module under test, for example with connection: "memory:".',
      { cause },
    );
  }
}
