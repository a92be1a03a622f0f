import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PublishRefusedError } from '../../lib/bus/transport.js';
import { RecordKind } from '../../lib/protocol/record-kind.js';
import { decodeEnvelope } from '../../lib/protocol/envelope.js';
import { collect } from '../support/observe.js';
import { RoutingServer } from '../support/routing-server.js';

/** The delay of the flush, because the other servers may take a little longer to reconnect. */
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

/** Redis refuses the next `count` messages, but accepts heartbeats. */
function refuse(count: number): void {
  let left = count;
  server.transport.refuses = (_channel, bytes) => {
    const decoded = decodeEnvelope(bytes);
    const isMessage = decoded.ok && decoded.envelope.records.some(({ kind }) => kind === RecordKind.Message);
    return isMessage && left-- > 0 ? new PublishRefusedError('OOM') : undefined;
  };
}

/** Advances the time; an own heartbeat comes back each second. */
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

describe('a buffered message', () => {
  it('is published in order once the other servers can hear it, not before', async () => {
    expect(await outage('1', '2')).toMatchObject([{ backplane: 'buffered' }, { backplane: 'buffered' }]);
    await pass(FLUSH_AFTER_MS - 500);
    expect(server.emitted).toEqual([]);
    await pass(750);
    expect(server.emitted).toEqual(['1', '2']);
  });

  it('that is refused again stays ahead of later messages', async () => {
    await outage('1', '2');
    refuse(2);
    // The first flush is refused while newer messages arrive, which must wait.
    const later: Promise<unknown>[] = [];
    server.bus.peers.whenHeardFor(FLUSH_AFTER_MS).then(
      () => later.push(server.emit('3')),
      () => undefined,
    );
    await pass(FLUSH_AFTER_MS + 1000);
    expect(await Promise.all(later)).toMatchObject([{ backplane: 'buffered' }]);
    expect(server.emitted).toEqual(['1', '2', '3']);
  });

  it('keeps its order if only some of the messages are refused', async () => {
    await outage('1');
    refuse(1);
    await pass(FLUSH_AFTER_MS + 1000);
    await server.emit('2');
    expect(server.emitted).toEqual(['1', '2']);
  });

  it('of a second outage is published like one of the first', async () => {
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

  it('that is not flushed before a second outage waits until that one is over', async () => {
    await outage('1');
    await pass(500);
    await outage('2');
    await pass(FLUSH_AFTER_MS - 500);
    expect(server.emitted).toEqual([]);
    await pass(1000);
    expect(server.emitted).toEqual(['1', '2']);
  });

  it('is dropped once by close, and not published afterwards', async () => {
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

describe('a message that Redis refuses without an outage', () => {
  it('waits and is published before the next one, and so is a second one', async () => {
    refuse(1);
    expect(await server.emit('1')).toMatchObject({ backplane: 'buffered' });
    expect(await server.emit('2')).toMatchObject({ backplane: 'buffered' });
    await outage('3');
    await pass(FLUSH_AFTER_MS + 500);
    expect(server.emitted).toEqual(['1', '2', '3']);
  });
});

describe('close', () => {
  it('leaves no timer and no subscription to the status', async () => {
    server.down();
    await server.emit('waits');
    const timers = vi.getTimerCount();
    const emitted = server.emitted.length;
    server.router.close();
    // The timer of the next attempt.
    expect(vi.getTimerCount()).toBeLessThan(timers);
    await server.up();
    await pass(2 * FLUSH_AFTER_MS);
    expect(server.emitted).toHaveLength(emitted);
    const later: unknown = await server.emit('later').catch((error: unknown) => error);
    expect(later).not.toMatchObject({
      backplane: 'buffered',
    });
  });

  it('drops the waiting messages, and reports them once', async () => {
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
