import { ReportedError } from './bus.errors.js';

type Channels = readonly string[];

/** Names one channel of several, as in "MyApp:/chat:all and 3 more". */
export function andMore(first: string, count: number): string {
  return count > 1 ? `${first} and ${count - 1} more` : first;
}

/** @param cause says what to grant, where Redis said what is missing */
export function subscribeDenied(channels: Channels, cause: Error): ReportedError {
  const message = `Redis refused to let this server subscribe ${named(channels)}. ${cause.message}`;
  return new ReportedError('subscribe', message, { cause });
}

/** @param cause says what to grant, where Redis said what is missing */
export function unsubscribeDenied(channels: Channels, cause: Error): ReportedError {
  const message = `Redis refused to let this server unsubscribe ${named(channels)}: their messages still come, and are dropped. ${cause.message}`;
  return new ReportedError('subscribe', message, { cause });
}

export function subscriptionRepaired(channels: Channels): ReportedError {
  const message = `The subscription of ${named(channels)} was gone although this server had not taken it back, and has been made again. Look for a proxy or another user of the Redis client that unsubscribes channels.`;
  return new ReportedError('subscribe', message);
}

function named([first = '', ...others]: Channels): string {
  return andMore(first, others.length + 1);
}
