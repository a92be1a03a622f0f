import { SubscriptionRefusedError, type Transport } from '../../lib/bus/transport.js';
import { Deferred } from '../../lib/bus/deferred.js';

/** Something that was asked of the transport, and waits to be answered by the test. */
export interface Command {
  readonly name: 'subscribe' | 'unsubscribe' | 'publish';
  readonly channels: readonly string[];
  readonly bytes?: Buffer;
  readonly reply: Deferred;
}

/** What a transport rejects with when Redis refuses. */
export function refusal(message = 'NOPERM no permissions to access a channel'): Error {
  return new SubscriptionRefusedError(message);
}

/** Takes commands and answers none by itself, so that a test says when, how, and in which order. */
export class FakeTransport implements Pick<Transport, 'subscribe' | 'unsubscribe' | 'publish'> {
  readonly commands: Command[] = [];

  subscribe(channels: readonly string[]): Promise<void> {
    return this.take('subscribe', channels);
  }

  unsubscribe(channels: readonly string[]): Promise<void> {
    return this.take('unsubscribe', channels);
  }

  publish(channel: string, bytes: Buffer): Promise<void> {
    return this.take('publish', [channel], bytes);
  }

  /** The commands so far, each as its name and channels. */
  get log(): string[] {
    return this.commands.map(({ name, channels }) => [name, ...channels].join(' '));
  }

  command(index: number): Command {
    const command = this.commands.at(index);
    if (!command) throw new Error(`there is no command ${index} among ${JSON.stringify(this.log)}`);
    return command;
  }

  private take(name: Command['name'], channels: readonly string[], bytes?: Buffer): Promise<void> {
    const command = { name, channels, bytes, reply: new Deferred() };
    this.commands.push(command);
    return command.reply.promise;
  }
}

/** The channels that a Redis would have subscribed after these commands, none of them refused. */
export function subscribedAfter(commands: readonly Command[]): string[] {
  const subscribed = new Set<string>();
  for (const { name, channels } of commands) {
    for (const channel of channels) {
      if (name === 'subscribe') subscribed.add(channel);
      else if (name === 'unsubscribe') subscribed.delete(channel);
    }
  }
  return [...subscribed].sort();
}

/** All that follows from what has been done, up to the next turn of the loop. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** How a promise stands now. */
export function stateOf(promise: Promise<unknown>): () => 'pending' | 'resolved' | 'rejected' {
  let state: 'pending' | 'resolved' | 'rejected' = 'pending';
  promise.then(
    () => (state = 'resolved'),
    () => (state = 'rejected'),
  );
  return () => state;
}
