import type { SubscriptionEvents } from '../../lib/bus/subscription-news.js';

/** Records subscription events in order. */
export class ToldOfSubscriptions implements SubscriptionEvents {
  readonly denials: (readonly string[])[] = [];
  readonly leaveDenials: (readonly string[])[] = [];
  readonly grants: (readonly [channels: readonly string[], deafSince: number])[] = [];
  readonly repairs: (readonly [channels: readonly string[], deafSince: number])[] = [];
  changes = 0;

  refusedChanged(): void {
    this.changes++;
  }

  denied(channels: readonly string[]): void {
    this.denials.push(channels);
  }

  leaveDenied(channels: readonly string[]): void {
    this.leaveDenials.push(channels);
  }

  granted(channels: readonly string[], deafSince: number): void {
    this.grants.push([channels, deafSince]);
  }

  repaired(channels: readonly string[], deafSince: number): void {
    this.repairs.push([channels, deafSince]);
  }
}
