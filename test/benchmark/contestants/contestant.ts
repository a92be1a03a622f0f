import type { MessageData } from '../message.js';

/** `signalr` is ours with clients of SignalR. */
export const CONTESTANTS = ['ours', 'signalr', 'socket.io', 'socket.io sharded', 'floor'] as const;
export type ContestantName = (typeof CONTESTANTS)[number];

/** Who receives an emit: everybody, the members of a group, or one connection of the receiving server. */
export type Audience = 'all' | 'group' | 'connection';

/** How a server is set up. */
export interface ServerPlan {
  readonly redisUrl: string;
  /**
   * The number of groups. Socket `index` joins `groupsPerSocket` of them, starting at `index * groupsPerSocket` and
   * wrapping around.
   */
  readonly groups: number;
  readonly groupsPerSocket: number;
  /** Whether the server joins clients to groups and notes their ids. Off if the cost of connecting is measured. */
  readonly greets: boolean;
}

/** A server of a contestant. */
export interface ContestantServer {
  readonly port: number;
  /** The URL path of a load client's upgrade. The client appends its index. */
  readonly urlPath: string;
  /** Emits to everybody, to the group with this name, or to the connection with this id. */
  readonly emit: Readonly<Record<Audience, (target: string, data: MessageData) => unknown>>;
  /**
   * Resolves with the connection ids by socket index, once `count` sockets have joined their groups. Needs `greets`.
   */
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

/** The socket's index from the URL of its upgrade. */
export function indexOf(url = ''): number {
  return Number(/[?&]index=(\d+)/.exec(url)?.[1] ?? -1);
}

/** Collects connection ids until enough have connected. */
export class Connected {
  private readonly ids: string[] = [];
  private count = 0;
  private waiting: { count: number; resolve(ids: readonly string[]): void } | undefined;

  add(index: number, id: string): void {
    this.ids[index] = id;
    this.count++;
    this.resolveIfEnough();
  }

  until(count: number): Promise<readonly string[]> {
    return new Promise((resolve) => {
      this.waiting = { count, resolve };
      this.resolveIfEnough();
    });
  }

  private resolveIfEnough(): void {
    if (this.waiting && this.count >= this.waiting.count) this.waiting.resolve(this.ids);
  }
}
