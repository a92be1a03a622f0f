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

  /** @param only the servers that are asked, where the ask names connections; otherwise the whole farm */
  constructor(peers: PeerView, only?: ReadonlySet<string>) {
    this.servers = new ServerReplies(peers, only);
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

  /** A server speaks for its own connections only. */
  asked(server: string, connectionIds: readonly string[]): void {
    if (!this.servers.asks(server) || connectionIds.some((id) => serverOf(id) !== server)) return;
    this.unanswered.set(server, new Set(connectionIds));
    this.servers.hold(server);
    this.replyWhenAll(server);
  }

  answered(server: string, connectionId: string, answer: Answer): void {
    if (!this.unanswered.get(server)?.delete(connectionId)) return;
    this.answers.set(connectionId, answer);
    this.replyWhenAll(server);
  }

  private replyWhenAll(server: string): void {
    if (this.unanswered.get(server)?.size === 0) this.servers.reply(server, undefined);
  }
}
