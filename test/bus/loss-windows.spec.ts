import { beforeEach, describe, expect, it } from 'vitest';
import { ByteWriter } from '../../lib/protocol/byte-writer.js';
import { FIRST_CAPABILITIES } from '../../lib/protocol/capabilities.js';
import { encodeEnvelope } from '../../lib/protocol/envelope.js';
import { decodeHeartbeat, encodeHeartbeat } from '../../lib/protocol/heartbeat-record.js';
import { ofVersion } from '../support/envelopes.js';
import { collect } from '../support/observe.js';
import { ManualClock } from '../support/manual-clock.js';
import { RoutingServer } from '../support/routing-server.js';

const HOUR = 3_600_000;
const EMPTY = Buffer.alloc(0);

let clock: ManualClock;
let server: RoutingServer;

beforeEach(async () => {
  clock = new ManualClock();
  server = await new RoutingServer({ policy: 'reject' }, clock).start();
  return () => server.close();
});

/** Advances the time in steps of the bus's checks; this server's own messages come back. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 250) {
    clock.advance(250);
    await server.flushed();
    server.echo();
  }
}

/** How long before the link loss the loss report begins, in milliseconds. */
async function reportedBefore(): Promise<number> {
  const losses = collect(server.bus.loss$);
  const lostAt = clock.date();
  server.down();
  await server.up();
  expect(losses.values).toHaveLength(1);
  return lostAt - server.bus.timeOfDay.earliest(losses.values[0]?.from ?? Infinity);
}

const beatOfPeer = (publishMs: number): void =>
  server.hears(encodeHeartbeat({ number: 1, sentAt: clock.now(), publishMs }));

describe('the window of a loss', () => {
  it('begins earlier by the duration of the slowest publish of a peer', async () => {
    await pass(1000);
    beatOfPeer(500);
    const early = await reportedBefore();
    expect(early).toBeGreaterThanOrEqual(500);
    expect(early).toBeLessThan(500 + 1250);
  });

  it('begins a little earlier if all publishes are fast', async () => {
    await pass(1000);
    beatOfPeer(0);
    const early = await reportedBefore();
    expect(early).toBeGreaterThanOrEqual(50);
    expect(early).toBeLessThan(50 + 1250);
  });

  it('is widened by at most a second if a peer’s Redis hangs', async () => {
    await pass(1000);
    beatOfPeer(60_000);
    expect(await reportedBefore()).toBeLessThanOrEqual(1000 + 1250);
  });

  it('of an unreadable envelope begins a second earlier, because its sender’s heartbeats are unreadable too', async () => {
    await pass(1000);
    const losses = collect(server.bus.loss$);
    const lastOwn = server.bus.timeOfDay.earliest(clock.now()) - 250;
    const envelope = ofVersion(encodeEnvelope('AbCdEfGhIj-_', 1, []), 129);
    server.transport.says.message(envelope, Buffer.from(server.channels.servers));
    expect(losses.values).toMatchObject([{ channels: 'all', certainty: 'known' }]);
    const early = lastOwn - server.bus.timeOfDay.earliest(losses.values[0]?.from ?? Infinity);
    expect(early).toBeGreaterThanOrEqual(1000 - 250);
    expect(early).toBeLessThanOrEqual(2000);
  });

  it.each([
    ['forward', HOUR],
    ['back', -HOUR],
  ])('is reported in system time after the clock was set %s', async (_where, step) => {
    await pass(1000);
    clock.setDate(clock.date() + step);
    await pass(1000);
    const early = await reportedBefore();
    expect(early).toBeGreaterThanOrEqual(0);
    expect(early).toBeLessThan(2000);
  });

  it('reaches back to before the machine slept if the link was lost in the meantime', async () => {
    await pass(1000);
    const losses = collect(server.bus.loss$);
    const asleepAt = clock.date();
    clock.setDate(clock.date() + 8 * HOUR);
    server.down();
    await server.up();
    const { from = Infinity, to = 0 } = losses.values[0] ?? {};
    expect(server.bus.timeOfDay.earliest(from)).toBeLessThanOrEqual(asleepAt);
    expect(server.bus.timeOfDay.recent(to)).toBeGreaterThanOrEqual(asleepAt + 8 * HOUR);
  });
});

describe('a heartbeat', () => {
  const moves = { count: 0, leftAgo: 0, arrivedAgo: 0 };
  const capabilities = FIRST_CAPABILITIES;

  it('contains the duration of the slowest publish', () => {
    const body = encodeHeartbeat({ number: 7, sentAt: 1234.5, publishMs: 499.2 }).subarray(2);
    expect(decodeHeartbeat(body)).toEqual({ number: 7, sentAt: 1234, publishMs: 500, moves, capabilities });
  });

  it('contains the times of the last move to another node, rounded to the earlier arrival', () => {
    const moved = { count: 2, leftAgo: 70.9, arrivedAgo: 20.1 };
    const body = encodeHeartbeat({ number: 7, sentAt: 1234, moves: moved }).subarray(2);
    expect(decodeHeartbeat(body).moves).toEqual({ count: 2, leftAgo: 70, arrivedAgo: 21 });
  });

  it('with fewer or more fields, from other releases, is read', () => {
    const [old, newer, later] = [[], [5], [5, 1, 2, 3, 99]].map((more) =>
      [7, 1234, ...more].reduce((writer, value) => writer.varint(value), new ByteWriter(8)).finish(),
    );
    expect(decodeHeartbeat(old ?? EMPTY)).toEqual({
      number: 7,
      sentAt: 1234,
      publishMs: 0,
      moves,
      capabilities,
    });
    expect(decodeHeartbeat(newer ?? EMPTY)).toEqual({
      number: 7,
      sentAt: 1234,
      publishMs: 5,
      moves,
      capabilities,
    });
    expect(decodeHeartbeat(later ?? EMPTY)).toMatchObject({ publishMs: 5, moves: { count: 1 } });
  });
});

describe('a link that is lost in the tick in which it came up', () => {
  it('does not make the next link count as subscribed too early', async () => {
    server.down();
    server.transport.says.up('subscriber');
    server.transport.says.down('subscriber', new Error('again'));
    let subscribed = (): void => undefined;
    server.transport.subscribe = () => new Promise((resolve) => (subscribed = resolve));
    server.transport.says.up('subscriber');
    server.transport.says.up('publisher');
    await server.flushed();
    expect(server.bus.status.state).toBe('subscribing');
    server.echo();
    expect(server.bus.status.state).toBe('subscribing');
    subscribed();
    await server.flushed();
    await server.flushed();
    server.echo();
    expect(server.bus.status.state).toBe('ready');
  });
});
