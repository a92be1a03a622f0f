import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { Authenticators } from './adapter/authenticators.js';
import { RedisBackplaneAdapter } from './adapter/redis-backplane.adapter.js';
import type { LibraryLogger } from './broadcast/library-logger.js';
import { RedisBackplane } from './broadcast/redis-backplane.js';
import type { Bus } from './bus/bus.js';
import type { ResolvedOptions } from './options/resolve-options.js';
import { Presence } from './presence/presence.js';
import { ServerRegistry } from './presence/server-registry.js';
import { BUS, LOGGER, RESOLVED_OPTIONS } from './redis-backplane.providers.js';
import { Router } from './routing/router.js';
import { StartupTimeoutError } from './startup-timeout.error.js';

/** The minimum interval between two warnings of a kind. If Redis keeps returning the same error, it must not flood the log. */
const LOG_INTERVAL_MS = 1000;

/** Starts the backplane during bootstrap, closes it in the last step of the shutdown, and logs what happens in between. */
@Injectable()
export class BackplaneLifecycle
  implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown
{
  private failure: Error | undefined;
  private readonly warnedAt = new Map<string, number>();

  constructor(
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
    @Inject(BUS) private readonly bus: Bus,
    private readonly router: Router,
    private readonly presence: Presence,
    private readonly registry: ServerRegistry,
    private readonly backplane: RedisBackplane,
    private readonly adapter: RedisBackplaneAdapter,
    private readonly authenticators: Authenticators,
    @Inject(LOGGER) private readonly logger: LibraryLogger,
  ) {}

  onModuleInit(): Promise<void> {
    return this.orCleanUp(() => this.start());
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.orCleanUp(() => this.adapter.openPorts());
    this.presence.start();
    this.backplane.setRunning(true);
  }

  /** The first step of the shutdown. Connected clients still receive messages from all servers until they are disconnected. */
  onModuleDestroy(): void {
    this.backplane.setRunning(false);
    this.presence.drain();
    this.adapter.drain();
  }

  /** The last step of the shutdown, after all clients have disconnected. */
  async onApplicationShutdown(): Promise<void> {
    await this.bus.sayGoodbye();
    this.presence.close();
    this.registry.close();
    this.router.close();
    await this.bus.close();
    this.backplane.close();
  }

  private async start(): Promise<void> {
    this.adapter.checkRegistered();
    await this.authenticators.ready();
    for (const warning of this.options.connection.warnings) this.logger.warn(warning);
    this.log();
    await this.bus.start((origin, kind, body) => this.router.receive(origin, kind, body));
    const { startupTimeoutMs, abortConnect } = this.options;
    if (await this.bus.whenReady(startupTimeoutMs)) return;
    if (abortConnect) throw new StartupTimeoutError(startupTimeoutMs, this.bus.status.state, this.failure);
    if (this.bus.status.state === 'closed') return;
    this.logger.warn('Redis is not available yet. Until it is, messages reach only clients of this server.');
  }

  /** Runs a step of bootstrap. Cleans up if the step fails, because Nest does not always shut the app down in that case. */
  private async orCleanUp(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.adapter.drain();
      await this.adapter.dispose();
      await this.onApplicationShutdown();
      throw error;
    }
  }

  private log(): void {
    const { connectionFailed$, connectionRestored$, errors$, loss$ } = this.backplane;
    connectionFailed$.subscribe(({ link, cause }) => {
      this.failure = cause;
      this.logger.error(`Connection to Redis failed (${link}): ${cause.message}`);
    });
    loss$.subscribe(({ path, from, to, certainty, origin }) => {
      const missed = certainty === 'known' ? 'missed' : 'may have missed';
      const sender = origin === undefined ? '' : ` from server ${origin}`;
      this.warn(
        'loss',
        `Clients of ${path} ${missed} messages${sender}, sent between ${from.toISOString()} and ${to.toISOString()}.`,
      );
    });
    connectionRestored$.subscribe(({ downMs, channelsRestored }) =>
      this.logger.log(
        `Connection to Redis restored after ${downMs} ms. Channels resubscribed: ${channelsRestored}.`,
      ),
    );
    errors$.subscribe((error) => this.warn('error', describe(error)));
  }

  /** Logs at most one line per second of each kind. The observables still report everything. */
  private warn(kind: 'loss' | 'error', message: string): void {
    const now = performance.now();
    if (now - (this.warnedAt.get(kind) ?? -Infinity) < LOG_INTERVAL_MS) return;
    this.warnedAt.set(kind, now);
    this.logger.warn(message);
  }
}

/** The error message, followed by the message of the cause unless it already contains it. */
function describe({ message, cause }: Error): string {
  return cause instanceof Error && !message.includes(cause.message) ? `${message} ${cause.message}` : message;
}
