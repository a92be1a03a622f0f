import { SentinelConnector, type SentinelConnectionOptions } from 'ioredis';
import { DISCONNECT_TIMEOUT_MS } from './client-socket.js';

const METHOD = 'connectToSentinel';

/**
 * Asks the sentinels for the master as ioredis does, without leaving timers behind. ioredis asks each sentinel through a
 * client of its own. When it closes a client that could not connect, a timer of two seconds stays, and keeps the process
 * running if it ends meanwhile. The option that shortens it can be set only in a private method.
 */
export class PromptSentinelConnector extends SentinelConnector {
  /** @param options those of the client; ioredis declares them as `unknown` for connectors of other kinds */
  constructor(options: unknown) {
    super(options as SentinelConnectionOptions);
    const connect: unknown = Reflect.get(this, METHOD);
    // Without that method everything else still works.
    if (typeof connect !== 'function') return;
    Reflect.set(this, METHOD, (endpoint: unknown, given?: object) => {
      const options = { ...given, disconnectTimeout: DISCONNECT_TIMEOUT_MS };
      return Reflect.apply(connect, this, [endpoint, options]) as unknown;
    });
  }
}
