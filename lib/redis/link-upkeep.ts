import type { Redis } from 'ioredis';
import { isPermissionError, isReplyError } from './permissions.js';
import type { LinkRole, TransportEvents } from '../bus/transport.js';

/** Well below the few seconds after which a proxy may cut off a client that says nothing. */
const PING_MS = 2000;
/**
 * What a ping says, and gets back. ioredis takes replies in order, so where something has swallowed a SUBSCRIBE it takes
 * this for its reply, and reads the third byte as the number of channels. There is none, which gives it away.
 */
const PING = 'ok';

/**
 * What a link needs beside its work: the subscriber, which only listens, says something every two seconds, so that no
 * limit of idle time cuts it off; and permissions that are missing without anything failing are found.
 */
export class LinkUpkeep {
  private timer: NodeJS.Timeout | undefined;
  /** Commands whose missing permission was told. */
  private readonly told = new Set<string>();
  /** Until when every reply was that to its own command. */
  private inStepUntil = 0;
  private isOutOfStep = false;

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
        events.down(link, cause, this.isOutOfStep ? this.inStepUntil : undefined);
      },
    };
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Which process of Redis the client is connected to, where Redis tells: the address may stay when the process changes. */
  async runId(): Promise<string | undefined> {
    const info = this.client.info('server');
    // ioredis asks for it when it connects, and keeps a refusal to itself.
    if (this.client.options.enableReadyCheck) this.check('INFO', info);
    return info.then(
      (text) => /^run_id:(\w+)/m.exec(text)?.[1],
      () => undefined,
    );
  }

  /** A command got the reply to another one, so that nothing is certain that Redis said since the last ping. */
  outOfStep(): void {
    this.isOutOfStep = true;
  }

  private start(): void {
    this.stop();
    this.isOutOfStep = false;
    this.inStepUntil = performance.now();
    if (this.role === 'subscriber') {
      this.timer = setInterval(() => this.ping(), PING_MS);
      return;
    }
    // ioredis sends it when it connects, and keeps a refusal to itself.
    const { connectionName } = this.client.options;
    if (connectionName) this.check('CLIENT SETNAME', this.client.client('SETNAME', connectionName));
  }

  private ping(): void {
    const sentAt = performance.now();
    const answered = this.client.ping(PING).then(() => {
      this.inStepUntil = sentAt;
    });
    this.check('PING', answered);
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
