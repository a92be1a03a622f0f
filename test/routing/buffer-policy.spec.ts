import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PublishRefusedError } from '../../lib/bus/transport.js';
import { RecordKind } from '../../lib/protocol/record-kind.js';
import { decodeEnvelope } from '../../lib/protocol/envelope.js';
import { collect } from '../support/observe.js';
import { RoutingServer } from '../support/routing-server.js';

/** Whoever lost Redis too is back within this time: until then nothing is flushed. */
const FLUSH_AFTER_MS = 1500;
const AGE_MS = 60_000;

let server: RoutingServer;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
  server = await new RoutingServer({
    policy: 'buffer',
    maxBytes: 1_000_000,
    maxMessages: 5,
    maxAgeMs: AGE_MS,
  }).start();
  return () => server.close();
});
afterEach(() => vi.useRealTimers());

/** Redis refuses these messages, and takes heartbeats. */
function refuse(count: number): void {
  let left = count;
  server.transport.refuses = (_channel, bytes) => {
    const decoded = decodeEnvelope(bytes);
    const isMessage = decoded.ok && decoded.envelope.records.some(({ kind }) => kind === RecordKind.Message);
    return isMessage && left-- > 0 ? new PublishRefusedError('OOM') : undefined;
  };
}

/** Time passes, with an own heartbeat heard each second. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 250) {
    vi.advanceTimersByTime(250);
    await server.flushed();
    server.echo();
    await server.flushed();
  }
}

async function outage(...texts: string[]): Promise<unknown[]> {
  server.down();
  const outcomes = await Promise.all(texts.map((text) => server.emit(text)));
  await server.up();
  return outcomes;
}

describe('what was buffered', () => {
  it('is published in order once others can hear it, not before', async () => {
    expect(await outage('1', '2')).toMatchObject([{ backplane: 'buffered' }, { backplane: 'buffered' }]);
    await pass(FLUSH_AFTER_MS - 500);
    expect(server.emitted).toEqual([]);
    await pass(750);
    expect(server.emitted).toEqual(['1', '2']);
  });

  it('and refused again stays before what was emitted since', async () => {
    await outage('1', '2');
    refuse(2);
    // The first flush is refused while newer messages arrive, which wait behind.
    const later: Promise<unknown>[] = [];
    server.bus.peers.whenHeardFor(FLUSH_AFTER_MS).then(
      () => later.push(server.emit('3')),
      () => undefined,
    );
    await pass(FLUSH_AFTER_MS + 1000);
    expect(await Promise.all(later)).toMatchObject([{ backplane: 'buffered' }]);
    expect(server.emitted).toEqual(['1', '2', '3']);
  });

  it('and refused in part stays in order', async () => {
    await outage('1');
    refuse(1);
    await pass(FLUSH_AFTER_MS + 1000);
    await server.emit('2');
    expect(server.emitted).toEqual(['1', '2']);
  });

  it('in a second outage is published as in the first', async () => {
    await outage('1');
    await pass(FLUSH_AFTER_MS + 500);
    await server.emit('2');
    expect(await outage('3', '4')).toMatchObject([{ backplane: 'buffered' }, { backplane: 'buffered' }]);
    await pass(FLUSH_AFTER_MS - 500);
    expect(server.emitted).toEqual(['1', '2']);
    await pass(1000);
    await server.emit('5');
    expect(server.emitted).toEqual(['1', '2', '3', '4', '5']);
  });

  it('and not flushed yet when the second outage comes waits for the end of that one', async () => {
    await outage('1');
    await pass(500);
    await outage('2');
    await pass(FLUSH_AFTER_MS - 500);
    expect(server.emitted).toEqual([]);
    await pass(1000);
    expect(server.emitted).toEqual(['1', '2']);
  });

  it('is given up by close, once, and is not published afterwards', async () => {
    const errors = collect(server.router.errors$);
    await outage('1', '2');
    server.router.close();
    server.router.close();
    await pass(FLUSH_AFTER_MS + 500);
    expect(errors.values.map(({ message }) => message)).toEqual([
      expect.stringContaining('2 buffered messages'),
    ]);
    expect(server.emitted).toEqual([]);
  });
});

describe('a message that Redis refuses while all is well', () => {
  it('waits, is published before what comes next, and so is the second one', async () => {
    refuse(1);
    expect(await server.emit('1')).toMatchObject({ backplane: 'buffered' });
    expect(await server.emit('2')).toMatchObject({ backplane: 'buffered' });
    await outage('3');
    await pass(FLUSH_AFTER_MS + 500);
    expect(server.emitted).toEqual(['1', '2', '3']);
  });
});

describe('the end of the policy', () => {
  it('leaves no timer, and listens to the status no more', async () => {
    server.down();
    await server.emit('waits');
    const timers = vi.getTimerCount();
    const emitted = server.emitted.length;
    server.router.close();
    // The pause before the next attempt.
    expect(vi.getTimerCount()).toBeLessThan(timers);
    await server.up();
    await pass(2 * FLUSH_AFTER_MS);
    expect(server.emitted).toHaveLength(emitted);
    const later: unknown = await server.emit('later').catch((error: unknown) => error);
    expect(later).not.toMatchObject({
      backplane: 'buffered',
    });
  });

  it('gives up what waits, and reports it once', async () => {
    const errors = collect(server.router.errors$);
    server.down();
    await Promise.all([server.emit('first'), server.emit('second')]);
    server.router.close();
    await server.up();
    await pass(2 * FLUSH_AFTER_MS);
    const counts = errors.values.map(({ cause }) => (cause as { count?: number }).count);
    expect(counts).toEqual([2]);
  });
});
