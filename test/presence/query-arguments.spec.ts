import { beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import type { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import { InvalidArgumentError } from '../../lib/protocol/invalid-argument.error.js';
import type { AnyEvents } from '../../lib/broadcast/events.js';
import type { Target, UserTarget } from '../../lib/broadcast/target.js';
import type { MemberCount, MemberList } from '../../lib/routing/members.js';
import type { ChatServer } from '../support/chat-app.js';
import { join, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
let server: ChatServer;
let broadcaster: Broadcaster;

beforeEach(async () => {
  server = await farm.server({ ...farm.options(), authenticate: () => ({ userId: 'ann' }) });
  ({ broadcaster } = server);
});

const BAD_OPTIONS: [string, unknown][] = [
  ['a limit of 0', { limit: 0 }],
  ['a negative limit', { limit: -1 }],
  ['a fraction', { limit: 1.5 }],
  ['NaN', { limit: NaN }],
  ['Infinity', { limit: Infinity }],
  ['a text', { limit: '10' }],
  ['null', { limit: null }],
  ['a limit above 100,000', { limit: 100_001 }],
  ['an unknown option', { limit: 1, max: 2 }],
  ['no object', 10],
  ['nothing', null],
  ['an array', [10]],
];

describe('members', () => {
  it.each(BAD_OPTIONS)(
    'refuses %s, as a rejection, or as an exception of a local target',
    async (_, options) => {
      const given = options as { limit?: number };
      await expect(broadcaster.group('room').members(given)).rejects.toThrow(InvalidArgumentError);
      expect(() => broadcaster.local.group('room').members(given)).toThrow(InvalidArgumentError);
    },
  );

  it.each([{}, { limit: undefined }, { limit: 1 }, { limit: 100_000 }])('accepts %o', async (options) => {
    const empty = { members: [], missing: [], truncated: false };
    expect(await broadcaster.group('room').members(options)).toEqual(empty);
    expect(broadcaster.local.group('room').members(options)).toEqual(empty);
  });
});

describe('isOnline', () => {
  it('refuses a target that names or excludes more than users', async () => {
    const targets = [
      broadcaster.group('room').user('ann'),
      broadcaster.connection('x').user('ann'),
      broadcaster.all.user('ann'),
      broadcaster.except('x').user('ann'),
      broadcaster.exceptGroup('room').user('ann'),
    ];
    for (const target of targets) {
      await expect(target.isOnline()).rejects.toThrow(InvalidArgumentError);
      expect(() => target.local.isOnline()).toThrow(InvalidArgumentError);
    }
  });
});

describe('a local target', () => {
  it('answers every query at once, from this server alone', async () => {
    const client = await farm.client(server);
    await join(client, 'room');
    const { local } = broadcaster;
    const one = { connections: 1, users: 1, missing: [] };
    expect(local.count()).toEqual(one);
    expect(local.group('room').count()).toEqual(one);
    expect(broadcaster.group('room').local.count()).toEqual(one);
    expect(local.group('room').members().members).toHaveLength(1);
    expect(broadcaster.user('ann').local.isOnline()).toBe(true);
    expect(local.user('bob').isOnline()).toBe(false);
    expect(broadcaster.user('ann', 'bob').local.isOnline()).toEqual(
      new Map([
        ['ann', true],
        ['bob', false],
      ]),
    );
  });

  it('has the types of its answers, and a target of the farm those of promises', () => {
    const { local } = broadcaster;
    expectTypeOf(local.count()).toEqualTypeOf<MemberCount>();
    expectTypeOf(local.group('room').members()).toEqualTypeOf<MemberList>();
    expectTypeOf(local.user('ann').isOnline()).toEqualTypeOf<boolean>();
    expectTypeOf(broadcaster.user('ann').local.isOnline()).toEqualTypeOf<boolean>();
    expectTypeOf(local.user('ann', 'bob').isOnline()).toEqualTypeOf<ReadonlyMap<string, boolean>>();
    expectTypeOf(broadcaster.group('room')).toExtend<Target<AnyEvents, 'farm'>>();
    expectTypeOf<Target<AnyEvents, 'farm'>['count']>().returns.toEqualTypeOf<Promise<MemberCount>>();
    expectTypeOf<Target<AnyEvents, 'farm'>['members']>().returns.toEqualTypeOf<Promise<MemberList>>();
    expectTypeOf<Target<AnyEvents, 'farm'>>().not.toHaveProperty('isOnline');
    expectTypeOf<UserTarget<AnyEvents, 'farm'>['isOnline']>().returns.toEqualTypeOf<Promise<boolean>>();
  });
});
