import type { Redis } from 'ioredis';
import { isPermissionError, isReplyError } from './permissions.js';
import type { LinkRole, TransportEvents } from './transport.js';

/** Well below the few seconds after which a proxy may cut off a client that says nothing. */
const PING_MS = 2000;

/**
 * What a link needs beside its work: the subscriber, which only listens, says something every two seconds, so that no
 * limit of idle time cuts it off; and permissions that are missing without anything failing are found.
 */
export class LinkUpkeep {
  private timer: NodeJS.Timeout | undefined;
  /** Commands whose missing permission was told. */
  private readonly told = new Set<string>();

  /** @param onDenied Redis refuses a command for want of a permission: told once, until it is granted */
  constructor(
    private readonly role: LinkRole,
    private readonly client: Redis,
    private readonly onDenied: (error: Error) => void,
  ) {}

  /** The same events, with the upkeep from each `up` to its `down`. */
  during(events: TransportEvents): TransportEvents {
    return {
      ...events,
      up: (link, node) => {
        events.up(link, node);
        this.start();
      },
      down: (link, cause) => {
        this.stop();
        events.down(link, cause);
      },
    };
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private start(): void {
    this.stop();
    if (this.role === 'subscriber') {
      this.timer = setInterval(() => this.check('PING', this.client.ping()), PING_MS);
      return;
    }
    // ioredis sends both when it connects, and keeps their refusal to itself.
    const { connectionName, enableReadyCheck } = this.client.options;
    if (connectionName) this.check('CLIENT SETNAME', this.client.client('SETNAME', connectionName));
    if (enableReadyCheck) this.check('INFO', this.client.info('server'));
  }

  private check(command: string, reply: Promise<unknown>): void {
    reply.then(
      () => this.told.delete(command),
      (error: unknown) => {
        if (!isReplyError(error) || !isPermissionError(error) || this.told.has(command)) return;
        this.told.add(command);
        this.onDenied(error);
      },
    );
  }
}
