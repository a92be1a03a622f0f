import { Redis } from 'ioredis';
import { Subject } from 'rxjs';
import { encodeEnvelope } from '../../lib/protocol/envelope.js';
import { next } from './observe.js';

const EMPTY_ENVELOPE_BYTES = encodeEnvelope('AbCdEfGhIj-_', 1, []).length;

/** The URL for a user without a password. */
export function asUser(url: string, user: string): string {
  return url.replace('://', `://${user}:any@`);
}

/** The test's own connection to a Redis, to inspect and administer it. */
export class RedisInspector {
  readonly client: Redis;

  constructor(url: string) {
    this.client = new Redis(url, { protocol: 2 });
  }

  /** How many times Redis has executed the command since its start. */
  calls(command: string): Promise<number> {
    return this.commandStat(command, 'calls');
  }

  /** How many times Redis has refused the command. */
  rejectedCalls(command: string): Promise<number> {
    return this.commandStat(command, 'rejected_calls');
  }

  /** How many bytes Redis has read from all clients since its start. */
  async bytesRead(): Promise<number> {
    const stats = await this.client.info('stats');
    return Number(/^total_net_input_bytes:(\d+)/m.exec(stats)?.[1]);
  }

  /** The subscribed channels with this prefix. */
  async channels(prefix: string): Promise<string[]> {
    const channels = (await this.client.pubsub('CHANNELS', `${prefix}:*`)) as string[];
    return channels.sort();
  }

  /** Creates a user with exactly these rights and no password. */
  async setUser(name: string, ...rights: string[]): Promise<void> {
    await this.client.acl('SETUSER', name, 'reset', 'on', 'nopass', 'resetkeys', 'resetchannels', ...rights);
  }

  /** Records publishes from now on, except heartbeats and the messages that check subscriptions. */
  async watchPublishes(prefix: string): Promise<PublishWatch> {
    const monitor = await this.client.monitor();
    return new PublishWatch(monitor, prefix);
  }

  async close(): Promise<void> {
    await this.client.quit();
  }

  private async commandStat(command: string, name: string): Promise<number> {
    const stats = await this.client.info('commandstats');
    return Number(new RegExp(`^cmdstat_${command}:(?:.*,)?${name}=(\\d+)`, 'm').exec(stats)?.[1] ?? 0);
  }
}

export class PublishWatch {
  private readonly published: string[] = [];
  private readonly published$ = new Subject<string>();

  constructor(
    private readonly monitor: Redis,
    private readonly prefix: string,
  ) {
    monitor.on('monitor', (_time: string, [command = '', channel = '', bytes = '']: string[]) => {
      if (command.toLowerCase() !== 'publish' || !channel.startsWith(`${prefix}:`)) return;
      if (channel === `${prefix}:servers` || isEmptyEnvelope(bytes)) return;
      this.published.push(channel);
      this.published$.next(channel);
    });
  }

  /** Calls `publish`, waits until Redis sees it on the channel, and resolves with all publishes so far. */
  async until(channel: string, publish: () => Promise<unknown>): Promise<string[]> {
    const seen = next(this.published$, (published) => published === `${this.prefix}:${channel}`);
    await publish();
    await seen;
    return this.published;
  }

  close(): void {
    this.monitor.disconnect();
  }
}

/** Whether it is a message that checks a subscription. MONITOR escapes bytes as `\\xb7`. */
function isEmptyEnvelope(escaped: string): boolean {
  return escaped.replace(/\\(?:x[\da-f]{2}|.)/gi, '.').length === EMPTY_ENVELOPE_BYTES;
}
