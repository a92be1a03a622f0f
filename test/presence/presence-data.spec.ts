import { describe, expect, it } from 'vitest';
import type { ReportedError } from '../../lib/bus/bus.errors.js';
import { newConnectionId } from '../../lib/protocol/connection-id.js';
import { plainDialect } from '../../lib/protocol/dialect.js';
import { jsonProtocol } from '../../lib/protocol/json-protocol.js';
import { LocalConnection } from '../../lib/routing/local-connection.js';
import { MAX_PRESENCE_BYTES, PresenceData } from '../../lib/routing/presence-data.js';
import { idOf, join, turn, useTestFarm } from '../support/test-farm.js';

const SINK = { isFull: false, write: () => undefined, flush: () => undefined, close: () => undefined };

class Projected extends LocalConnection {
  constructor(private readonly project: () => unknown) {
    super(newConnectionId('AbCdEfGhIj-_'), '/chat', undefined, plainDialect(jsonProtocol), SINK);
  }

  override presenceData(): unknown {
    return this.project();
  }
}

function encoder(): { of: (connection: LocalConnection) => string; errors: ReportedError[] } {
  const errors: ReportedError[] = [];
  const data = new PresenceData((error) => errors.push(error));
  return { of: (connection) => data.of(connection), errors };
}

const circular: { self?: unknown } = {};
circular.self = circular;

const BAD: [string, () => unknown][] = [
  [
    'an error that is thrown',
    () => {
      throw new Error('no account');
    },
  ],
  [
    'a thrown value that is no error',
    () => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- that is what is tested
      throw undefined;
    },
  ],
  ['a promise', () => Promise.resolve({ name: 'Ann' })],
  ['a promise that rejects', () => Promise.reject(new Error('no account'))],
  ['a function', () => () => 1],
  ['a symbol', () => Symbol('ann')],
  ['a circular object', () => circular],
  ['a bigint', () => ({ id: 1n })],
  ['more than 1 KiB', () => 'x'.repeat(MAX_PRESENCE_BYTES)],
  ['more than 1 KiB because of its encoding', () => 'ü'.repeat(MAX_PRESENCE_BYTES / 2)],
  [
    'a toJSON that throws',
    () => ({
      toJSON: () => {
        throw new Error('no');
      },
    }),
  ],
  ['a toJSON that returns nothing', () => ({ toJSON: () => undefined })],
];

describe('the data of a member', () => {
  it.each([
    ['undefined', undefined, ''],
    ['null', null, 'null'],
    ['an empty text', '', '""'],
    ['1 KiB', 'x'.repeat(MAX_PRESENCE_BYTES - 2), `"${'x'.repeat(MAX_PRESENCE_BYTES - 2)}"`],
    ['a lone surrogate', '\ud800', '"\\ud800"'],
  ])('can be %s', (_, value, text) => {
    const { of, errors } = encoder();
    expect(of(new Projected(() => value))).toBe(text);
    expect(errors).toEqual([]);
  });

  it.each(BAD)('is left out if it is %s, which is reported once per connection', async (_, project) => {
    const { of, errors } = encoder();
    const [one, two] = [new Projected(project), new Projected(project)];
    for (const connection of [one, one, two, one]) expect(of(connection)).toBe('');
    expect(errors.map(({ stage }) => stage)).toEqual(['presence', 'presence']);
    expect(errors[0]?.message).toContain(one.id);
    expect(errors[1]?.message).toContain(two.id);
    // A rejection that nobody handles would fail the test now.
    await turn();
  });

  it('is reported again if it fails after it worked', () => {
    const { of, errors } = encoder();
    let value: unknown = 1n;
    const connection = new Projected(() => value);
    of(connection);
    value = 1;
    expect(of(connection)).toBe('1');
    value = 1n;
    of(connection);
    expect(errors).toHaveLength(2);
  });
});

describe('the option presence.data', () => {
  const farm = useTestFarm();

  it('whose function fails for one connection affects neither the others nor the count', async () => {
    const options = {
      ...farm.options(),
      authenticate: ({ url = '' }: { url?: string }) => ({
        userId: new URL(url, 'ws://server').searchParams.get('user') ?? undefined,
      }),
      presence: {
        data: ({ userId }: { userId: string | undefined }) => (userId === 'bad' ? 1n : { name: userId }),
      },
    };
    const [one, two] = await Promise.all([farm.server(options), farm.server(options)]);
    const errors: ReportedError[] = [];
    two.backplane.errors$.subscribe((error) => errors.push(error));
    for (const user of ['ann', 'bad']) await join(await farm.client(two, `/chat?user=${user}`), 'room');
    for (let time = 0; time < 2; time++) {
      const { members, missing } = await one.broadcaster.group('room').members();
      expect(missing).toEqual([]);
      const data = new Map(members.map((member) => [member.userId, 'data' in member && member.data]));
      expect(data).toEqual(
        new Map<string, unknown>([
          ['ann', { name: 'ann' }],
          ['bad', false],
        ]),
      );
    }
    expect(two.broadcaster.local.group('room').members().members).toHaveLength(2);
    expect(await one.broadcaster.group('room').count()).toEqual({ connections: 2, users: 2, missing: [] });
    expect(errors.map(({ stage }) => stage)).toEqual(['presence']);
  });

  it('is the only way for anything but ids to leave the server', async () => {
    const secret = 'secret-of-the-handshake';
    const options = {
      ...farm.options(),
      authenticate: () => ({ userId: 'ann', data: { token: secret } }),
    };
    const [one, two] = await Promise.all([farm.server(options), farm.server(options)]);
    const client = await farm.client(two, `/chat?token=${secret}`, { headers: { 'x-token': secret } });
    await join(client, 'room');
    const result = await one.broadcaster.group('room').members();
    expect(result.members).toEqual([
      { id: await idOf(client), userId: 'ann', serverId: two.backplane.serverId },
    ]);
  });
});
