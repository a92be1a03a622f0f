import { Redis } from 'ioredis';
import { Subject } from 'rxjs';
import { encodeEnvelope } from '../../lib/protocol/envelope.js';
import { next } from './observe.js';

const EMPTY_ENVELOPE_BYTES = encodeEnvelope('AbCdEfGhIj-_', 1, []).length;

/** The URL for a user that needs no password. */
export function asUser(url: string, user: string): string {
  return url.replace('://', `://${user}:any@`);
}

/** A connection of the test's own to a Redis: it looks, and does what an administrator does. */
export class RedisInspector {
  readonly client: Redis;

  constructor(url: string) {
    this.client = new Redis(url, { protocol: 2 });
  }

  /** How often Redis has executed the command since its start. */
  calls(command: string): Promise<number> {
    return this.commandStat(command, 'calls');
  }

  /** How often it has refused to execute it. */
  rejectedCalls(command: string): Promise<number> {
    return this.commandStat(command, 'rejected_calls');
  }

  /** How many bytes Redis has read since its start, from all who are connected. */
  async bytesRead(): Promise<number> {
    const stats = await this.client.info('stats');
    return Number(/^total_net_input_bytes:(\d+)/m.exec(stats)?.[1]);
  }

  /** The channels with subscribers that begin so. */
  async channels(prefix: string): Promise<string[]> {
    const channels = (await this.client.pubsub('CHANNELS', `${prefix}:*`)) as string[];
    return channels.sort();
  }

  /** Gives a user exactly these rights, and no password. */
  async setUser(name: string, ...rights: string[]): Promise<void> {
    await this.client.acl('SETUSER', name, 'reset', 'on', 'nopass', 'resetkeys', 'resetchannels', ...rights);
  }

  /** The channels that are published to from now on, but for the servers' heartbeats and checks of subscriptions. */
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

  /** All so far, when `publish` has been seen on the channel. */
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

/** What checks that a subscription is still there; MONITOR writes bytes as `\\xb7`. */
function isEmptyEnvelope(escaped: string): boolean {
  return escaped.replace(/\\(?:x[\da-f]{2}|.)/gi, '.').length === EMPTY_ENVELOPE_BYTES;
}
