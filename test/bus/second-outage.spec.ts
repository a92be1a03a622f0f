import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RedisConnectError } from '../../lib/bus/transport.js';
import { encodeRecord } from '../../lib/protocol/envelope.js';
import { encodeHeartbeat } from '../../lib/protocol/heartbeat-record.js';
import { RecordKind } from '../../lib/protocol/record-kind.js';
import { collect } from '../support/observe.js';
import { PEER_ID, RoutingServer } from '../support/routing-server.js';

const DEAD_AFTER_MS = 4000;
const LONG_MS = 60_000;

let server: RoutingServer;
let beats: number;

beforeEach(async () => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'],
  });
  beats = 0;
  server = await new RoutingServer().start();
  return () => server.close();
});
afterEach(() => vi.useRealTimers());

const peerBeats = (): void => server.hears(encodeHeartbeat({ number: ++beats, sentAt: performance.now() }));

/** Advances the time in steps of the bus's checks; `heard` says whether this server's own messages come back. */
async function pass(ms: number, heard = true): Promise<void> {
  for (let passed = 0; passed < ms; passed += 250) {
    vi.advanceTimersByTime(250);
    await server.flushed();
    if (heard) server.echo();
  }
}

describe('each of three outages of this server’s own links', () => {
  it('makes no peer dead, however long it lasts; silence counts again after it', async () => {
    const lost = collect(server.bus.peers.lost$);
    peerBeats();
    for (let outage = 1; outage <= 3; outage++) {
      server.down();
      await pass(LONG_MS, false);
      expect([...server.bus.peers.alive]).toEqual([PEER_ID]);
      await server.up();
      await pass(DEAD_AFTER_MS - 500);
      expect(lost.values).toEqual([]);
      peerBeats();
    }
    await pass(DEAD_AFTER_MS + 500);
    expect(lost.values).toEqual([PEER_ID]);
    expect([...server.bus.peers.alive]).toEqual([]);
  });

  it('makes no peer dead if only the subscriber link is lost', async () => {
    peerBeats();
    server.transport.says.down('subscriber', new Error('gone'));
    await pass(LONG_MS, false);
    expect([...server.bus.peers.alive]).toEqual([PEER_ID]);
  });

  it('is reported as one failure, one restoration and one loss', async () => {
    const [failures, restorations, losses] = [
      collect(server.bus.connectionFailed$),
      collect(server.bus.connectionRestored$),
      collect(server.bus.loss$),
    ];
    for (let outage = 1; outage <= 3; outage++) {
      server.down();
      server.transport.says.retrying('subscriber', 1, 50, new Error('again'));
      await pass(outage * 1000, false);
      await server.up();
      await pass(2000);
      expect([failures.values, restorations.values, losses.values].map(({ length }) => length)).toEqual([
        outage,
        outage,
        outage,
      ]);
      expect(restorations.values.at(-1)?.downMs).toBe(outage * 1000);
    }
    const [first, second] = losses.values;
    expect(second?.from).toBeGreaterThanOrEqual(first?.to ?? Infinity);
  });

  it('reports once on errors$ why Redis refuses the connection', async () => {
    const errors = collect(server.bus.errors$);
    const cause = new RedisConnectError('Redis asks for a password');
    for (let outage = 1; outage <= 2; outage++) {
      server.transport.says.down('publisher', cause);
      for (let attempt = 1; attempt <= 3; attempt++)
        server.transport.says.retrying('publisher', attempt, 50, cause);
      expect(errors.values.filter(({ stage }) => stage === 'connect')).toHaveLength(outage);
      server.transport.says.up('publisher');
      await server.flushed();
      server.echo();
    }
  });

  it('ends with the status ready, but not before the echo on the new links', async () => {
    for (let outage = 1; outage <= 2; outage++) {
      const before = server.transport.published.at(-1);
      server.down();
      expect(server.bus.status.state).toBe('reconnecting');
      server.transport.says.up('subscriber');
      server.transport.says.up('publisher');
      await server.flushed();
      // Messages that were sent on the old links prove nothing.
      if (before) server.transport.says.message(before, Buffer.from(server.channels.servers));
      expect(server.bus.status.state).toBe('subscribing');
      server.echo();
      expect(server.bus.status.state).toBe('ready');
    }
  });
});

describe('a peer', () => {
  it('that falls silent a second time is lost a second time', async () => {
    const lost = collect(server.bus.peers.lost$);
    for (let time = 1; time <= 2; time++) {
      peerBeats();
      expect([...server.bus.peers.alive]).toEqual([PEER_ID]);
      await pass(DEAD_AFTER_MS + 500);
      expect(lost.values).toHaveLength(time);
    }
  });

  it('that sends a second roll call gets a second heartbeat', async () => {
    for (let time = 1; time <= 2; time++) {
      server.transport.take();
      server.hears(encodeRecord(RecordKind.RollCall, Buffer.alloc(0)));
      await server.flushed();
      expect(server.transport.take().flat()).toEqual([RecordKind.Heartbeat]);
    }
  });

  it('that said goodbye stays gone, even if it is heard afterwards', async () => {
    const lost = collect(server.bus.peers.lost$);
    peerBeats();
    server.hears(encodeRecord(RecordKind.Goodbye, Buffer.alloc(0)));
    server.hears(encodeRecord(RecordKind.Goodbye, Buffer.alloc(0)));
    expect([[...server.bus.peers.alive], lost.values]).toEqual([[], [PEER_ID]]);
    await pass(LONG_MS);
    expect(lost.values).toEqual([PEER_ID]);
  });
});

describe('close', () => {
  it('called twice closes once, and leaves no timer', async () => {
    const closing = server.bus.close();
    expect(server.bus.close()).toBe(closing);
    await closing;
    await server.bus.close();
    server.router.close();
    expect(server.transport.closed).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('during an outage leaves no timer either', async () => {
    server.down();
    await server.bus.close();
    expect(vi.getTimerCount()).toBe(0);
    expect(server.bus.status.state).toBe('closed');
  });
});
