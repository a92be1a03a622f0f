import { describe, expect, it } from 'vitest';
import { type StatusFacts, decideStatus, sameStatus } from '../../lib/bus/status.js';

const READY: StatusFacts = {
  closed: false,
  linksUp: true,
  retry: undefined,
  subscribed: true,
  echoed: true,
  denied: { count: 0, first: undefined },
};
const retry = { attempt: 3, nextDelayMs: 200 };

describe('the status', () => {
  it.each<[status: object, when: string, facts: Partial<StatusFacts>]>([
    [{ state: 'ready' }, 'links, subscriptions and echo work', {}],
    [{ state: 'subscribing' }, 'channels are being subscribed', { subscribed: false, echoed: false }],
    [{ state: 'subscribing' }, 'an old echo proves nothing', { subscribed: false }],
    [{ state: 'subscribing' }, 'the echo is still missing', { echoed: false }],
    [{ state: 'connecting' }, 'no link was ever up and no attempt has failed', { linksUp: false }],
    [{ state: 'reconnecting', ...retry }, 'a link is down', { linksUp: false, retry }],
    [
      { state: 'reconnecting', ...retry },
      'a link is down, whatever else was true',
      { linksUp: false, retry, denied: { count: 1, first: 'x' } },
    ],
    [{ state: 'closed' }, 'it is closed', { closed: true }],
    [
      { state: 'closed' },
      'it is closed during an outage',
      { closed: true, linksUp: false, retry, denied: { count: 1, first: 'x' } },
    ],
    [
      { state: 'degraded', reason: 'Redis refuses to let this server subscribe x' },
      'Redis refuses a channel',
      { denied: { count: 1, first: 'x' } },
    ],
    [
      { state: 'degraded', reason: 'Redis refuses to let this server subscribe x and 2 more' },
      'Redis refuses several',
      { denied: { count: 3, first: 'x' } },
    ],
    [
      { state: 'subscribing' },
      'other channels are still being subscribed',
      { denied: { count: 1, first: 'x' }, subscribed: false },
    ],
  ])('is %j when %s', (status, _when, facts) => {
    expect(decideStatus({ ...READY, ...facts })).toEqual(status);
  });

  it('is degraded instead of subscribing if the refused channel is the one that carries the echo', () => {
    const facts = { ...READY, echoed: false, denied: { count: 1, first: 'app:servers' } };
    expect(decideStatus(facts).state).toBe('degraded');
  });
});

describe('sameStatus', () => {
  it('compares by value', () => {
    expect(sameStatus({ state: 'ready' }, { state: 'ready' })).toBe(true);
    expect(sameStatus({ state: 'ready' }, { state: 'closed' })).toBe(false);
    const first = { state: 'reconnecting', attempt: 1, nextDelayMs: 5 } as const;
    expect(sameStatus(first, { ...first })).toBe(true);
    expect(sameStatus(first, { ...first, attempt: 2 })).toBe(false);
    expect(sameStatus({ state: 'degraded', reason: 'a' }, { state: 'degraded', reason: 'b' })).toBe(false);
  });
});
