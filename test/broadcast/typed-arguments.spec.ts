import { describe, expect, it } from 'vitest';
import { FakeBroadcaster } from '../../lib/testing/fake-broadcaster.js';

interface Events {
  Moved: [piece: string, field: number];
  Said: string;
  Bell: undefined;
}

/** Never called: `tsc -p test` checks it. */
export async function doesNotCompile(server: FakeBroadcaster<Events>): Promise<void> {
  // @ts-expect-error an argument is missing
  await server.send('Moved', 'knight');
  // @ts-expect-error the arguments are in the wrong order
  await server.send('Moved', 7, 'knight');
  // @ts-expect-error there is no such event
  await server.send('Flown', 'knight', 7);
  // @ts-expect-error the argument has the wrong type
  await server.group('a').send('Said', 5);
  // @ts-expect-error there is one argument too many
  await server.send('Bell', 'twice', 3);
}

describe('the arguments of send', () => {
  it('have the types of the events', async () => {
    const server = new FakeBroadcaster<Events>();
    await server.send('Moved', 'knight', 7);
    await server.group('a').send('Said', 'hello');
    await server.send('Bell');
    expect(server.emits.all.map(({ event, data }) => [event, data])).toEqual([
      ['Moved', ['knight', 7]],
      ['Said', 'hello'],
      ['Bell', undefined],
    ]);
  });

  it('may be anything without such types', async () => {
    const server = new FakeBroadcaster();
    await server.send('Anything', 1, 'two', [3]);
    expect(server.emits.all.map(({ data }) => data)).toEqual([[1, 'two', [3]]]);
  });
});
