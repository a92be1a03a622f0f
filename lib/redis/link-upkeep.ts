import type { Redis } from 'ioredis';
import { isPermissionError, isReplyError } from './permissions.js';
import type { LinkRole, TransportEvents } from '../bus/transport.js';

/** How often the subscriber sends a ping. Proxies may cut off an idle client after a few seconds. */
const PING_MS = 2000;
/**
 * The argument of a ping, which Redis sends back. ioredis matches replies to commands by order. If something swallowed a
 * SUBSCRIBE, ioredis takes this reply for the one to SUBSCRIBE, and its third byte for the number of channels. `'ok'`
 * has no third byte, so the number is undefined, which `RedisTransport` notices. ("PONG" would pass for a number.)
 */
const PING = 'ok';

/**
 * Keeps one link healthy. It sends pings on the subscriber link, which otherwise only listens, so that no idle timeout
 * cuts it off. It also reports missing permissions that ioredis hides.
 */
export class LinkUpkeep {
  private timer: NodeJS.Timeout | undefined;
  /** Commands whose missing permission has been reported. */
  private readonly reported = new Set<string>();
  /** The last time at which every reply was known to belong to its own command. */
  private inSyncUntil = 0;
  private isOutOfSync = false;

  /** @param onDenied reports a missing permission: once per command until Redis grants it */
  constructor(
    private readonly role: LinkRole,
    private readonly client: Redis,
    private readonly onDenied: (error: Error) => void,
  ) {}

  /** Wraps the events, so that the upkeep runs from each `up` to its `down`. */
  during(events: TransportEvents): TransportEvents {
    return {
      ...events,
      up: (link, node) => {
        events.up(link, node);
        this.start();
      },
      down: (link, cause) => {
        this.stop();
        events.down(link, cause, this.isOutOfSync ? this.inSyncUntil : undefined);
      },
    };
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /**
   * The `run_id` of the Redis process at the other end, because a new process can take over the same address.
   * `undefined` if Redis refuses to tell.
   */
  async runId(): Promise<string | undefined> {
    const info = this.client.info('server');
    // The ready check of ioredis needs INFO too, but hides a refusal, so it is reported here.
    if (this.client.options.enableReadyCheck) this.check('INFO', info);
    return info.then(
      (text) => /^run_id:(\w+)/m.exec(text)?.[1],
      () => undefined,
    );
  }

  /** A command got the reply to another one, so no reply since the last good ping can be trusted. */
  markOutOfSync(): void {
    this.isOutOfSync = true;
  }

  private start(): void {
    this.stop();
    this.isOutOfSync = false;
    this.inSyncUntil = performance.now();
    if (this.role === 'subscriber') {
      this.timer = setInterval(() => this.ping(), PING_MS);
      return;
    }
    // ioredis sends CLIENT SETNAME when it connects, but hides a refusal.
    const { connectionName } = this.client.options;
    if (connectionName) this.check('CLIENT SETNAME', this.client.client('SETNAME', connectionName));
  }

  private ping(): void {
    const sentAt = performance.now();
    const reply = this.client.ping(PING).then(() => {
      this.inSyncUntil = sentAt;
    });
    this.check('PING', reply);
  }

  private check(command: string, reply: Promise<unknown>): void {
    reply.then(
      () => this.reported.delete(command),
      (error: unknown) => {
        if (!isReplyError(error) || !isPermissionError(error) || this.reported.has(command)) return;
        this.reported.add(command);
        this.onDenied(error);
      },
    );
  }
}
