import { beforeEach, describe, expect, it } from 'vitest';
import { Audit } from '../../lib/bus/audit.js';
import { Deferred } from '../../lib/bus/deferred.js';
import type { Wanted } from '../../lib/bus/wanted.js';
import { settled } from '../support/fake-transport.js';

const CHANNELS = ['a', 'b', 'c'];

let number: number;
let entries: Map<string, Wanted>;
let lost: string[];
let accepted: Deferred<unknown>[];
let sentOn: string[];
let audit: Audit;
/** The echo proves its channel `b`. */
let auditWithEcho: Audit;

beforeEach(() => {
  number = 0;
  lost = [];
  accepted = [];
  sentOn = [];
  entries = new Map(
    CHANNELS.map((channel) => [
      channel,
      { state: 'subscribed', pending: undefined, deafSince: undefined, provedAt: 0, wasLost: false },
    ]),
  );
  const subscriptions = {
    size: entries.size,
    nextSubscribed: () => [...entries],
    lost: (channel: string) => lost.push(channel) > 0,
  };
  const events = {
    isHeard: () => true,
    send: (channel: string) => {
      const outcome = new Deferred<unknown>();
      accepted.push(outcome);
      sentOn.push(channel);
      return { number: ++number, accepted: outcome.promise };
    },
  };
  audit = new Audit(subscriptions, () => 1000, events);
  auditWithEcho = new Audit(subscriptions, () => 1000, events, { every: 1, first: 0 }, 'b');
});

const heard = (own: number, channel: string): void => audit.heard(own, Buffer.from(channel));

async function acceptAll(): Promise<void> {
  for (const outcome of accepted) outcome.resolve('accepted');
  await settled();
}

describe('the audit', () => {
  it('sends nothing on the channel that the echo proves', () => {
    auditWithEcho.next();
    expect(sentOn).toEqual(['a', 'c']);
  });

  it('finds a channel whose envelope is missing although a later one has arrived', async () => {
    audit.next();
    await acceptAll();
    heard(1, 'a');
    heard(3, 'c');
    expect(lost).toEqual(['b']);
    expect(entries.get('a')?.provedAt).toBe(1000);
  });

  it('does not accept an older message on the channel as proof', async () => {
    number = 10;
    audit.next();
    await acceptAll();
    heard(5, 'a');
    expect([lost, entries.get('a')?.provedAt]).toEqual([[], 0]);
    heard(20, 'servers');
    expect(lost).toEqual(['a', 'b', 'c']);
  });

  it('expects no envelope that Redis has refused or not accepted yet, or that was sent on old links', async () => {
    audit.next();
    accepted[0]?.reject(new Error('refused'));
    accepted[1]?.resolve('accepted');
    await settled();
    heard(20, 'servers');
    expect(lost).toEqual(['b']);
    audit.reset();
    await acceptAll();
    heard(30, 'servers');
    expect(lost).toEqual(['b']);
  });
});
