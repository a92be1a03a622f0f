import { beforeEach, describe, expect, it } from 'vitest';
import { Deferred } from '../../lib/bus/deferred.js';
import { ServerBus } from '../../lib/bus/server-bus.js';
import { PublishRefusedError } from '../../lib/bus/transport.js';
import { ChannelNames } from '../../lib/protocol/channel-names.js';
import { decodeEnvelope, encodeEnvelope, encodeRecord } from '../../lib/protocol/envelope.js';
import { decodeHeartbeat, type Heartbeat } from '../../lib/protocol/heartbeat-record.js';
import { RecordKind } from '../../lib/protocol/record-kind.js';
import { settled } from '../support/fake-transport.js';
import { collect } from '../support/observe.js';
import { ScriptedTransport } from '../support/scripted-transport.js';

const SERVER_ID = 'AbCdEfGhIj-_';
const OTHER_ID = 'ZyXwVuTsRq-_';
const CAUSE = new Error('refused');
const CHANNEL = Buffer.from('app:servers');
const ROLL_CALL = encodeRecord(RecordKind.RollCall, Buffer.alloc(0));

let transport: ScriptedTransport;
let bus: ServerBus;
let number: number;

beforeEach(async () => {
  transport = new ScriptedTransport();
  number = 0;
  bus = new ServerBus(SERVER_ID, new ChannelNames('app'), transport, { publishTimeoutMs: 5000 });
  await bus.start(() => undefined);
  return () => {
    transport.held?.resolve();
    return bus.close();
  };
});

async function linksUp(): Promise<void> {
  transport.says.up('subscriber');
  transport.says.up('publisher');
  await settled();
}

/** Delivers this server's own last heartbeat to it. */
function echo(): void {
  const own = transport.published.at(-1);
  if (own) transport.says.message(own, CHANNEL);
}

function rollCalls(count: number): void {
  for (let call = 0; call < count; call++) {
    transport.says.message(encodeEnvelope(OTHER_ID, ++number, [ROLL_CALL, ROLL_CALL]), CHANNEL);
  }
}

describe('a roll call', () => {
  it('is sent with the first heartbeat, and not with later ones', async () => {
    await linksUp();
    echo();
    expect(bus.status.state).toBe('ready');
    expect(transport.take()).toEqual([[RecordKind.Heartbeat, RecordKind.RollCall]]);
    rollCalls(1);
    await settled();
    await settled();
    expect(transport.take().flat()).not.toContain(RecordKind.RollCall);
  });

  it('causes one heartbeat, even if many arrive at once because a whole farm starts', async () => {
    await linksUp();
    echo();
    transport.take();
    rollCalls(10);
    await settled();
    await settled();
    expect(transport.take()).toEqual([[RecordKind.Heartbeat]]);
  });

  it('does not cause another roll call, even from a server that has not heard itself yet', async () => {
    await linksUp();
    transport.take();
    rollCalls(1);
    await settled();
    await settled();
    expect(new Set(transport.take().flat())).toEqual(new Set([RecordKind.Heartbeat]));
  });
});

function lastHeartbeat({ published }: ScriptedTransport): Heartbeat {
  const decoded = decodeEnvelope(published.at(-1) ?? Buffer.alloc(0));
  const [record] = decoded.ok ? decoded.envelope.records : [];
  return decodeHeartbeat(record?.body ?? Buffer.alloc(0));
}

describe('heartbeats', () => {
  async function publisherMoves(from: string, to: string): Promise<void> {
    transport.says.up('subscriber');
    transport.says.up('publisher', from);
    await settled();
    echo();
    transport.says.down('publisher', CAUSE);
    transport.says.up('publisher', to);
    await settled();
  }

  it('continue their numbers when the publisher is back on the same node', async () => {
    await publisherMoves('a:1', 'a:1');
    expect(transport.beats).toEqual([1, 2]);
  });

  it('continue their numbers on another node, and announce the move', async () => {
    const began = performance.now();
    await publisherMoves('a:1', 'b:1');
    expect(transport.beats).toEqual([1, 2]);
    const { count, leftAgo, arrivedAgo } = lastHeartbeat(transport).moves;
    expect(count).toBe(1);
    expect(leftAgo).toBeLessThanOrEqual(performance.now() - began);
    expect(arrivedAgo).toBeLessThanOrEqual(performance.now() - began + 1);
  });

  it('do not reuse the number of one that failed but may have been heard', async () => {
    transport.held = new Deferred();
    await linksUp();
    transport.held.reject(CAUSE);
    await settled();
    transport.held = undefined;
    transport.says.down('publisher', CAUSE);
    transport.says.up('publisher');
    await settled();
    expect(transport.beats).toEqual([1, 2]);
  });

  it('reuse the number of one that was certainly not sent', async () => {
    transport.refuses = () => new PublishRefusedError('not now');
    await linksUp();
    transport.refuses = () => undefined;
    transport.says.down('publisher', CAUSE);
    transport.says.up('publisher');
    await settled();
    expect(transport.beats).toEqual([1]);
  });

  it('of this server that skip a number after such a failure are not reported as missed', async () => {
    const losses = collect(bus.loss$);
    await publisherMoves('a:1', 'b:1');
    const before = losses.values.length;
    echo();
    expect(losses.values.slice(before)).toEqual([]);
  });
});

describe('the goodbye', () => {
  it('is the last message, even if a roll call arrives afterwards', async () => {
    await linksUp();
    echo();
    transport.take();
    transport.held = new Deferred();
    const closing = bus.close();
    await settled();
    rollCalls(1);
    await settled();
    await settled();
    expect(transport.take()).toEqual([[RecordKind.Goodbye]]);
    transport.held.resolve();
    await closing;
  });

  it('is sent once, and the transport closed once, if close is called twice', async () => {
    await linksUp();
    echo();
    transport.take();
    await Promise.all([bus.close(), bus.close()]);
    expect(transport.take()).toEqual([[RecordKind.Goodbye]]);
    expect(transport.closed).toBe(1);
  });
});

describe('the status', () => {
  it('stays reconnecting while only one of two lost links is back', async () => {
    await linksUp();
    echo();
    for (const link of ['publisher', 'subscriber'] as const) transport.says.down(link, CAUSE);
    const { values } = collect(bus.status$);
    transport.says.up('publisher');
    transport.says.retrying('subscriber', 4, 300, CAUSE);
    transport.says.up('subscriber');
    await settled();
    echo();
    const states = values.map(({ state }) => state);
    expect(new Set(states)).toEqual(new Set(['reconnecting', 'subscribing', 'ready']));
  });

  it('is ready only after the echo that follows the subscriptions', async () => {
    transport.says.up('subscriber');
    await settled();
    transport.says.up('publisher');
    await settled();
    expect(bus.status.state).toBe('subscribing');
    transport.says.message(encodeEnvelope(OTHER_ID, ++number, []), CHANNEL);
    expect(bus.status.state).toBe('subscribing');
    echo();
    expect(bus.status.state).toBe('ready');
  });
});

describe('a node that was no longer the right one', () => {
  /** The numbers of the heartbeats published since the last call. */
  function beats(): number[] {
    return transport.published.splice(0).flatMap((bytes) => {
      const decoded = decodeEnvelope(bytes);
      if (!decoded.ok) throw new Error(`is ${decoded.reason}`);
      const heartbeats = decoded.envelope.records.filter(({ kind }) => kind === RecordKind.Heartbeat);
      return heartbeats.map(({ body }) => decodeHeartbeat(body).number);
    });
  }

  async function move(since: number): Promise<void> {
    transport.says.moved(since);
    transport.says.down('publisher', CAUSE);
    transport.says.down('subscriber', CAUSE);
    await linksUp();
  }

  it('causes a loss report since then, although the echo came back', async () => {
    await linksUp();
    echo();
    const losses = collect(bus.loss$);
    const since = performance.now() - 700;
    await move(since);
    echo();
    expect(losses.values).toMatchObject([{ channels: 'all', certainty: 'possible' }]);
    const emittedBefore = since - (losses.values[0]?.from ?? 0);
    expect(emittedBefore).toBeGreaterThan(40);
    expect(emittedBefore).toBeLessThan(80);
    expect(losses.values[0]?.origin).toBeUndefined();
  });

  it('makes this server skip a heartbeat number, so that the others report its messages', async () => {
    await linksUp();
    echo();
    const [last = 0] = beats().slice(-1);
    await move(performance.now());
    expect(beats()).toEqual([last + 2]);
    rollCalls(1);
    await settled();
    expect(beats()).toEqual([last + 3]);
  });
});
