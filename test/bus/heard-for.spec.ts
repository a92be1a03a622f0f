import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Peers } from '../../lib/bus/peers.js';
import { settled, stateOf } from '../support/fake-transport.js';
import { collect } from '../support/observe.js';

let clock: number;
let peers: Peers;

beforeEach(() => {
  clock = 5_000_000;
  peers = new Peers(() => clock);
  peers.listen();
});

/** Advances the time with four sweeps a second, as the bus does. */
function pass(ms: number): void {
  for (const end = clock + ms; clock < end;) {
    clock += 250;
    peers.sweep(clock);
  }
}

describe('whenHeardFor', () => {
  const heardFor = async (state: () => string): Promise<string> => {
    await settled();
    return state();
  };

  it('resolves once this server has heard everything for that long, not before', async () => {
    const state = stateOf(peers.whenHeardFor(2000));
    pass(1750);
    expect(await heardFor(state)).toBe('pending');
    pass(250);
    expect(await heardFor(state)).toBe('resolved');
  });

  it('resolves at once if it has heard everything for longer', async () => {
    pass(5000);
    expect(await heardFor(stateOf(peers.whenHeardFor(5000)))).toBe('resolved');
    expect(await heardFor(stateOf(peers.whenHeardFor(5001)))).toBe('pending');
  });

  it('starts over after a break', async () => {
    pass(1750);
    const state = stateOf(peers.whenHeardFor(2000));
    peers.deaf();
    pass(60_000);
    expect(await heardFor(state)).toBe('pending');
    peers.listen();
    pass(1750);
    expect(await heardFor(state)).toBe('pending');
    pass(250);
    expect(await heardFor(state)).toBe('resolved');
  });

  it('resolves when its signal is aborted, before or during the wait', async () => {
    const controller = new AbortController();
    const state = stateOf(peers.whenHeardFor(60_000, controller.signal));
    expect(await heardFor(state)).toBe('pending');
    controller.abort();
    expect(await heardFor(state)).toBe('resolved');
    expect(await heardFor(stateOf(peers.whenHeardFor(60_000, controller.signal)))).toBe('resolved');
  });

  it('leaves no listener on its signal', async () => {
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, 'addEventListener');
    const removed = vi.spyOn(signal, 'removeEventListener');
    void peers.whenHeardFor(0, signal);
    void peers.whenHeardFor(2000, signal);
    void peers.whenHeardFor(60_000, signal);
    pass(2000);
    peers.close();
    await settled();
    expect(added).toHaveBeenCalledTimes(2);
    expect(removed.mock.calls.map(([, listener]) => listener)).toEqual(
      added.mock.calls.map(([, listener]) => listener),
    );
  });

  it('waits if this server has never heard itself', async () => {
    expect(await heardFor(stateOf(new Peers(() => clock).whenHeardFor(0)))).toBe('pending');
  });
});

describe('after close', () => {
  it('lost$ is complete, and all waiting calls have resolved', async () => {
    const lost = collect(peers.lost$);
    const waiting = peers.whenHeardFor(60_000);
    expect(lost.completed).toBe(false);
    peers.close();
    expect(lost.completed).toBe(true);
    await waiting;
    await peers.whenHeardFor(60_000);
  });
});
