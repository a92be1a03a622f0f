import type { PeerView } from '../bus/bus.js';
import { serverOf } from '../protocol/connection-id.js';
import type { ClientResponse } from './held-invocations.js';
import { ServerReplies } from './server-replies.js';

/** An invocation in progress: the connections that each server invoked, and their responses. */
export class PendingInvocation {
  /** By connection id. */
  readonly responses = new Map<string, ClientResponse>();
  /** A server has replied when all connections that it invoked have responded. */
  readonly servers: ServerReplies<void>;
  /** By server: the connections that were invoked and have not responded. */
  private readonly outstanding = new Map<string, Set<string>>();

  /**
   * @param only the servers concerned, if the ids of the connections name them; otherwise the whole farm
   * @param isOfOne whether a single connection is invoked: its response then ends the invocation
   */
  constructor(
    peers: PeerView,
    only?: ReadonlySet<string>,
    private readonly isOfOne = false,
  ) {
    this.servers = new ServerReplies(peers, only);
  }

  /** The connections that were invoked but have not responded. */
  get silentConnections(): string[] {
    return [...this.outstanding.values()].flatMap((ids) => [...ids]);
  }

  /** The servers that died, or have not reported which connections they invoked. */
  get missingServers(): string[] {
    const silent = this.servers.outstanding.filter((server) => !this.outstanding.has(server));
    return [...silent, ...this.servers.lost, ...this.servers.absent];
  }

  /** Records the connections that a server has invoked. Ignores a server that reports connections of another one. */
  invoked(server: string, connectionIds: readonly string[]): void {
    if (!this.servers.concerns(server) || connectionIds.some((id) => (serverOf(id) ?? server) !== server))
      return;
    this.outstanding.set(server, new Set(connectionIds));
    this.servers.hold(server);
    this.replyWhenAll(server);
  }

  responded(server: string, connectionId: string, response: ClientResponse): void {
    if (!this.outstanding.get(server)?.delete(connectionId)) return;
    this.responses.set(connectionId, response);
    this.replyWhenAll(server);
    if (this.isOfOne) this.servers.end();
  }

  private replyWhenAll(server: string): void {
    if (this.outstanding.get(server)?.size === 0) this.servers.reply(server, undefined);
  }
}
