import { SubscriptionRefusedError, type Transport } from '../../lib/bus/transport.js';
import { Deferred } from '../../lib/bus/deferred.js';

/** A command that the transport received and that waits for the test to settle it. */
export interface Command {
  readonly name: 'subscribe' | 'unsubscribe' | 'publish';
  readonly channels: readonly string[];
  readonly bytes?: Buffer;
  readonly reply: Deferred;
}

/** The error that a transport rejects with if Redis refuses a subscription. */
export function refusal(message = 'NOPERM no permissions to access a channel'): Error {
  return new SubscriptionRefusedError(message);
}

/** A transport that leaves all commands pending, so that the test decides when, how and in which order they settle. */
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

  /** The commands so far, each as a line with its name and channels. */
  get log(): string[] {
    return this.commands.map(({ name, channels }) => [name, ...channels].join(' '));
  }

  command(index: number): Command {
    const command = this.commands.at(index);
    if (!command) throw new Error(`No command with index ${index} in ${JSON.stringify(this.log)}`);
    return command;
  }

  private take(name: Command['name'], channels: readonly string[], bytes?: Buffer): Promise<void> {
    const command = { name, channels, bytes, reply: new Deferred() };
    this.commands.push(command);
    return command.reply.promise;
  }
}

/** The channels that are subscribed after these commands if Redis refuses none of them. */
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

/** Resolves in the next event loop turn, after all microtasks. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Returns a function that tells a promise's current state. */
export function stateOf(promise: Promise<unknown>): () => 'pending' | 'resolved' | 'rejected' {
  let state: 'pending' | 'resolved' | 'rejected' = 'pending';
  promise.then(
    () => (state = 'resolved'),
    () => (state = 'rejected'),
  );
  return () => state;
}
