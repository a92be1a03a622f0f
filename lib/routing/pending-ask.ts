import type { PeerView } from '../bus/bus.js';
import { serverOf } from '../protocol/connection-id.js';
import type { Answer } from './held-asks.js';
import { ServerReplies } from './server-replies.js';

/** One ask under way: which connections each server asked, and what these answered. */
export class PendingAsk {
  readonly answers = new Map<string, Answer>();
  /** A server has replied when all the connections that it asked have answered. */
  readonly servers: ServerReplies<void>;
  /** By server: connections that were asked and have not answered. */
  private readonly unanswered = new Map<string, Set<string>>();

  constructor(peers: PeerView) {
    this.servers = new ServerReplies(peers);
  }

  /** The connections that were asked and did not answer. */
  get silentConnections(): string[] {
    return [...this.unanswered.values()].flatMap((ids) => [...ids]);
  }

  /** The servers that did not say whom they asked, or died. */
  get missingServers(): string[] {
    const silent = this.servers.outstanding.filter((server) => !this.unanswered.has(server));
    return [...silent, ...this.servers.lost, ...this.servers.absent];
  }

  asked(server: string, connectionIds: readonly string[]): void {
    this.unanswered.set(server, new Set(connectionIds));
    this.servers.hold(server);
    this.replyWhenAll(server);
  }

  answered(connectionId: string, answer: Answer): void {
    const server = serverOf(connectionId) ?? '';
    if (!this.unanswered.get(server)?.delete(connectionId)) return;
    this.answers.set(connectionId, answer);
    this.replyWhenAll(server);
  }

  private replyWhenAll(server: string): void {
    if (this.unanswered.get(server)?.size === 0) this.servers.reply(server, undefined);
  }
}
