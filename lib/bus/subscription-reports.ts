import { ReportedError } from './bus.errors.js';

type Channels = readonly string[];

/** Names one channel of several, as in "MyApp:/chat:all and 3 more". */
export function andMore(first: string, count: number): string {
  return count > 1 ? `${first} and ${count - 1} more` : first;
}

/** @param cause names the permission to grant, if Redis named it */
export function subscribeDenied(channels: Channels, cause: Error): ReportedError {
  const message = `Redis refused to let this server subscribe ${named(channels)}. ${cause.message}`;
  return new ReportedError('subscribe', message, { cause });
}

/** @param cause names the permission to grant, if Redis named it */
export function unsubscribeDenied(channels: Channels, cause: Error): ReportedError {
  const message = `Redis refused to let this server unsubscribe ${named(channels)}. Their messages still arrive and are dropped. ${cause.message}`;
  return new ReportedError('subscribe', message, { cause });
}

export function subscriptionRepaired(channels: Channels): ReportedError {
  const message = `The subscription to ${named(channels)} was gone although this server had not unsubscribed. It has been restored. Look for a proxy, or for other code that unsubscribes channels on the same Redis client.`;
  return new ReportedError('subscribe', message);
}

function named([first = '', ...others]: Channels): string {
  return andMore(first, others.length + 1);
}
