import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryNetwork } from '../../lib/bus/memory-network.js';
import type { MemoryTransport } from '../../lib/bus/memory-transport.js';
import { ServerBus } from '../../lib/bus/server-bus.js';
import { PublishRefusedError } from '../../lib/bus/transport.js';
import { ChannelNames } from '../../lib/protocol/channel-names.js';
import { newServerId } from '../../lib/protocol/connection-id.js';
import { record } from '../support/bus-farm.js';
import { ManualClock } from '../support/manual-clock.js';
import { collect } from '../support/observe.js';

const channels = new ChannelNames('app');
const CHANNEL = 'app:/chat:all';
const STEP_MS = 50;
const LONG_MS = 660_000;
const CAUSE = new Error('the link is cut');

let clock: ManualClock;
let network: MemoryNetwork;
let near: Server;
let far: Server;

/** A bus with its transport and the messages that it received. */
class Server {
  readonly transport: MemoryTransport = network.transport();
  readonly bus = new ServerBus(newServerId(), channels, this.transport, { publishTimeoutMs: 5000, clock });
  readonly heard: string[] = [];
  readonly losses = collect(this.bus.loss$).values;

  async start(): Promise<this> {
    await this.bus.start((_origin, _kind, body) => void this.heard.push(body.toString()));
    await turns();
    void this.bus.want(CHANNEL);
    return this;
  }

  say(text: string): Promise<unknown> {
    return this.bus.publish([CHANNEL], record(text));
  }
}

/** Lets messages in flight arrive, and the messages that they cause. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += STEP_MS) {
    clock.advance(STEP_MS);
    await turns();
  }
}

beforeEach(async () => {
  clock = new ManualClock();
  network = new MemoryNetwork(clock);
  near = await new Server().start();
  far = await new Server().start();
  await pass(2000);
  expect([near.bus.status.state, far.bus.status.state]).toEqual(['ready', 'ready']);
  near.losses.length = 0;
  far.losses.length = 0;
  return async () => {
    // Close needs no timer, because nothing is in flight.
    network.delayMs = 0;
    await Promise.all([near, far].map(({ bus }) => bus.close()));
  };
});

describe('a memory network', () => {
  it('delivers a message to the other servers without a loss', async () => {
    await near.say('hello');
    await turns();
    expect(far.heard).toEqual(['hello']);
    await pass(60_000);
    expect([near.losses, far.losses]).toEqual([[], []]);
  });

  it('delays messages, and keeps them in order', async () => {
    network.delayMs = 500;
    void near.say('first');
    void near.say('second');
    await pass(450);
    expect(far.heard).toEqual([]);
    await pass(100);
    expect(far.heard).toEqual(['first', 'second']);
    expect(far.bus.status.state).toBe('ready');
  });

  it('that drops one heartbeat makes the receiver report a possible loss', async () => {
    let dropped = 0;
    network.drops = ({ from, to, channel }) =>
      from === near.transport && to === far.transport && channel === channels.servers && dropped++ === 0;
    const before = clock.now();
    await pass(3000);
    expect(dropped).toBeGreaterThan(1);
    expect(far.losses).toMatchObject([{ origin: near.bus.serverId, certainty: 'possible' }]);
    expect(far.losses[0]?.from).toBeLessThanOrEqual(before + 1000);
    expect(near.losses).toEqual([]);
  });

  it('that is partitioned makes each side dead to the other within four seconds, and the whole time is reported when it heals', async () => {
    const parted = clock.now();
    network.partition([near.transport], [far.transport]);
    await near.say('unheard');
    await pass(5000);
    expect(far.heard).toEqual([]);
    // Each side hears itself, so nothing else shows the partition.
    expect(near.bus.status.state).toBe('ready');
    expect([...near.bus.peers.silent]).toEqual([far.bus.serverId]);
    // Long enough for each side to forget the other.
    await pass(LONG_MS - 5000);

    network.heal();
    await pass(2000);
    expect([...near.bus.peers.alive]).toEqual([far.bus.serverId]);
    for (const [server, other] of [
      [near, far],
      [far, near],
    ] as const) {
      expect(server.losses).toMatchObject([{ origin: other.bus.serverId }]);
      expect(server.losses[0]?.from).toBeLessThanOrEqual(parted);
      expect(server.losses[0]?.to).toBeGreaterThanOrEqual(parted + LONG_MS);
    }
  });

  it('whose links are cut makes publish reject until they are restored, and the deafness is reported', async () => {
    const restored = collect(near.bus.connectionRestored$).values;
    const cut = clock.now();
    near.transport.cut(CAUSE);
    await expect(near.say('no')).rejects.toThrow(PublishRefusedError);
    await far.say('missed');
    await pass(30_000);
    expect(near.bus.status.state).toBe('reconnecting');

    near.transport.restore();
    await turns();
    expect(near.bus.status.state).toBe('ready');
    expect(restored).toMatchObject([{ downMs: 30_000 }]);
    expect(near.heard).toEqual([]);
    expect(near.losses[0]).toMatchObject({ channels: 'all', certainty: 'possible' });
    expect(near.losses[0]?.from).toBeLessThanOrEqual(cut);
    expect(near.losses[0]?.to).toBe(clock.now());
    await far.say('heard');
    await turns();
    expect(near.heard).toEqual(['heard']);
  });
});
