import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PresenceChange, PresenceJoin } from 'nestjs-redis-backplane';
import { Subject } from 'rxjs';
import type { MemberChange } from '../../../sample/01-chat/chat.events.js';
import { batches } from '../../../sample/01-chat/presence-relay.js';

const member = (key: string): PresenceJoin => ({
  key,
  userId: key,
  connectionIds: [],
  serverIds: [],
  cause: 'joined',
});

const change = (parts: Partial<PresenceChange>): PresenceChange => ({
  isSnapshot: false,
  joined: [],
  left: [],
  updated: [],
  settled: true,
  memberCount: 0,
  connectionCount: 0,
  isAboveLimit: false,
  ...parts,
});

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the relay of presence to browsers', () => {
  const start = (isNeeded = () => true) => {
    const presence$ = new Subject<PresenceChange>();
    const sent: MemberChange[] = [];
    let isOver = false;
    batches('tea', presence$, isNeeded).subscribe({
      next: (batch) => sent.push(batch),
      complete: () => (isOver = true),
    });
    return { presence$, sent, isOver: () => isOver };
  };

  it('sends four batches per second during a burst, and nothing afterwards', () => {
    const { presence$, sent } = start();
    for (let ms = 0; ms < 1000; ms++) {
      presence$.next(change({ joined: [member(`user-${ms}`)], memberCount: ms + 1 }));
      vi.advanceTimersByTime(1);
    }
    expect(sent).toHaveLength(4);
    expect(sent.flatMap(({ members }) => members)).toHaveLength(1000);
    expect(sent.at(-1)?.count).toBe(1000);
    vi.advanceTimersByTime(5000);
    expect(sent).toHaveLength(4);
  });

  it('tells the last state of each member', () => {
    const { presence$, sent } = start();
    presence$.next(change({ joined: [member('ann'), member('bob')] }));
    presence$.next(change({ updated: [{ ...member('ann'), data: 'away' }] }));
    presence$.next(change({ left: [{ ...member('bob'), cause: 'left' }], memberCount: 1 }));
    vi.advanceTimersByTime(250);
    expect(sent).toEqual([
      expect.objectContaining({
        members: [expect.objectContaining({ key: 'ann', data: 'away' })],
        left: ['bob'],
        count: 1,
      }),
    ]);
  });

  it('sends only the number of members while there are too many to list', () => {
    const { presence$, sent } = start();
    presence$.next(change({ joined: [member('ann')], memberCount: 1 }));
    presence$.next(change({ isAboveLimit: true, memberCount: 2000 }));
    vi.advanceTimersByTime(250);
    expect(sent).toEqual([{ group: 'tea', isSnapshot: true, members: [], left: [], count: 2000 }]);
  });

  it('ends when the last client of this server has left', () => {
    let isNeeded = true;
    const { presence$, isOver } = start(() => isNeeded);
    vi.advanceTimersByTime(1000);
    expect(isOver()).toBe(false);
    isNeeded = false;
    vi.advanceTimersByTime(250);
    expect(isOver()).toBe(true);
    expect(presence$.observed).toBe(false);
  });
});
