import type { MessageData } from '../message.js';

export const CONTESTANTS = ['ours', 'socket.io', 'socket.io sharded', 'floor'] as const;
export type ContestantName = (typeof CONTESTANTS)[number];

/** Who receives an emit: everybody, the members of a group, or one connection of the receiving server. */
export type Audience = 'all' | 'group' | 'connection';

/** What a server is told when it starts. */
export interface ServerPlan {
  readonly redisUrl: string;
  /** Groups that socket `index` joins when it connects: `groupsPerSocket` in a row from `index * groupsPerSocket` on, round about. */
  readonly groups: number;
  readonly groupsPerSocket: number;
  /** Whether the server does anything of its own when a client connects; not where the cost of connecting is measured. */
  readonly greets: boolean;
}

/** A server of the farm, made of whatever the contestant is. */
export interface ContestantServer {
  readonly port: number;
  /** What a load client asks for in its upgrade: its index stands behind. */
  readonly urlPath: string;
  /** Sends to everybody, to the group of this name, or to the connection with this id. */
  readonly emit: Readonly<Record<Audience, (target: string, data: MessageData) => unknown>>;
  /** The ids of this server's connections, by the index of the socket, once so many are there and have joined their groups. It has to greet them. */
  connected(count: number): Promise<readonly string[]>;
  join(id: string, group: string): unknown;
  leave(id: string, group: string): unknown;
}

export function groupName(index: number): string {
  return `group-${index}`;
}

export function groupsOf(index: number, { groups, groupsPerSocket }: ServerPlan): string[] {
  return Array.from({ length: groupsPerSocket }, (_, offset) =>
    groupName((index * groupsPerSocket + offset) % groups),
  );
}

/** The index in the URL of an upgrade: what is behind `index=`. */
export function indexOf(url = ''): number {
  return Number(/[?&]index=(\d+)/.exec(url)?.[1] ?? -1);
}

/** Counts connections until enough are there. */
export class Connected {
  private readonly ids: string[] = [];
  private count = 0;
  private waiting: { count: number; resolve(ids: readonly string[]): void } | undefined;

  add(index: number, id: string): void {
    this.ids[index] = id;
    this.count++;
    this.look();
  }

  until(count: number): Promise<readonly string[]> {
    return new Promise((resolve) => {
      this.waiting = { count, resolve };
      this.look();
    });
  }

  private look(): void {
    if (this.waiting && this.count >= this.waiting.count) this.waiting.resolve(this.ids);
  }
}
