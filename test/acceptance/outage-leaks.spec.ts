import { describe, expect, it } from 'vitest';
import { NotPublishedError } from '../../lib/routing/routing.errors.js';
import { rejection } from '../support/acceptance.js';
import type { ChatServer } from '../support/chat-app.js';
import { heapUsed } from '../support/heap.js';
import { eventually } from '../support/observe.js';
import { startRedis } from '../support/redis-server.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();

const CALLS = 4000;
/** A hundred bytes per call. A leaked request takes more than a kilobyte. */
const MAX_GROWTH_BYTES = CALLS * 100;

/** The id of a connection on an unknown server, different for each number. */
const absent = (number: number): string => `${String(number).padStart(12, 'A')}.BBBBBBBBBBBB`;

const calls: [string, (server: ChatServer, number: number) => Promise<unknown>][] = [
  ['invoke', ({ broadcaster }, number) => broadcaster.connection(absent(number)).invoke('question')],
  ['command', ({ broadcaster }, number) => broadcaster.connection(absent(number)).join('group')],
  ['invokeAll', ({ broadcaster }) => broadcaster.invokeAll('question')],
  ['command to a group', ({ broadcaster }) => broadcaster.group('group').leave('group')],
];

describe('During an outage', () => {
  it.each(calls)('an %s that needs another server leaks no memory', async (_name, call) => {
    const redis = await startRedis();
    farm.onEnd(() => redis.stop());
    const server = await farm.server(farm.options(redis.url));
    await redis.kill();
    await eventually(() => expect(server.backplane.status.state).toBe('reconnecting'));
    const round = async (): Promise<void> => {
      for (let number = 0; number < CALLS; number++) await rejection(call(server, number), NotPublishedError);
    };
    await round();
    const before = await heapUsed();

    await round();

    expect((await heapUsed()) - before).toBeLessThan(MAX_GROWTH_BYTES);
  });
});
