import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Claim, DialectProvider, ServedPath } from '../adapter/dialect-provider.js';
import { comparablePath, requestPath } from '../adapter/request-path.js';
import { ConnectionHeartbeat } from '../adapter/connection-heartbeat.js';
import type { Session } from '../adapter/session.js';
import { TimeLimits } from '../adapter/time-limits.js';
import type { EdgeCounters } from '../broadcast/edge-counters.js';
import { InvalidOptionsError } from '../options/invalid-options.error.js';
import type { ResolvedSignalR } from '../options/signalr-options.js';
import { connectionIdOf, ConnectionTokens } from './connection-tokens.js';
import { HubClient, type StatefulOptions } from './hub-client.js';
import type { HubProtocol } from './hub-protocol.js';
import { introduce, type IntroductionOptions } from './introduction.js';
import { queryValue } from './negotiate.js';
import { answerNegotiation, type HttpAnswer } from './negotiate-response.js';
import { addRoute, sendAnswer } from './negotiate-route.js';

const NOT_FOUND = 404;
const UNAVAILABLE = 503;
/** From this version of the hub protocol on, a client may use stateful reconnect. */
const STATEFUL_VERSION = 2;

/** Serves SignalR clients: their negotiation, their handshake, and a dialect for each. */
export class SignalRClients implements DialectProvider {
  private readonly tokens: ConnectionTokens;
  /** Created with the first client: in an app without gateways, nothing would close it. */
  private keepAlive: ConnectionHeartbeat | undefined;
  private readonly limits = new TimeLimits();
  private isDraining = false;
  /** The paths that serve SignalR clients, by key. */
  private readonly paths = new Map<string, ServedPath>();
  /** The sessions that a client may resume on another socket, by connection id. */
  private readonly resumable = new Map<string, Session>();

  constructor(
    private readonly options: ResolvedSignalR,
    private readonly hubs: readonly HubProtocol[],
    private readonly counters: EdgeCounters,
    now: () => number,
  ) {
    this.tokens = new ConnectionTokens(options.tokenSecret, options.tokenLifetimeMs, now);
  }

  serve(path: ServedPath): void {
    const { urlPath, http, key } = path;
    if (!this.isEnabled(path)) return;
    this.paths.set(key, path);
    if (http) addRoute(http, negotiationPath(urlPath), (request) => this.negotiate(path, request));
  }

  /** @throws InvalidOptionsError if `signalr.paths` names a path that no gateway serves */
  checkPaths(): void {
    const served = [...this.paths.values()].map(({ urlPath }) => comparablePath(urlPath));
    const unknown = this.options.paths?.find((path) => !served.includes(comparablePath(path)));
    if (unknown !== undefined) throw new InvalidOptionsError([`signalr.paths: no gateway serves ${unknown}`]);
  }

  claim(key: string, request: IncomingMessage): Claim | undefined {
    const path = this.paths.get(key);
    if (!path) return undefined;
    // Only plain clients request a subprotocol.
    if (request.headers['sec-websocket-protocol'] !== undefined) return undefined;
    const token = queryValue(request.url ?? '', 'id');
    if (token !== undefined) return this.negotiated(path, token);
    return this.options.skipNegotiation ? this.undecided(path) : undefined;
  }

  answer(request: IncomingMessage, response: ServerResponse): boolean {
    const { localPort } = request.socket;
    const url = requestPath(request.url);
    for (const path of this.paths.values()) {
      if (path.http || !isOnPort(path, localPort) || negotiationPath(path.urlPath) !== url) continue;
      void this.negotiate(path, request).then((answer) => sendAnswer(response, answer));
      return true;
    }
    return false;
  }

  drain(): void {
    this.isDraining = true;
  }

  close(): void {
    this.keepAlive?.close();
    this.limits.giveUp(new Error('the server is shutting down'));
  }

  private isEnabled({ urlPath }: ServedPath): boolean {
    const { paths } = this.options;
    return paths?.some((path) => comparablePath(path) === comparablePath(urlPath)) ?? true;
  }

  private negotiate(path: ServedPath, request: IncomingMessage): Promise<HttpAnswer> {
    // With 503, a load balancer can try another server.
    if (this.isDraining) return Promise.resolve({ status: UNAVAILABLE, headers: {}, body: undefined });
    const { tokens, limits } = this;
    const { redirect, resumeTimeoutMs } = this.options;
    const hasStatefulReconnect = resumeTimeoutMs !== undefined;
    return answerNegotiation(path, request, { tokens, limits, redirect, hasStatefulReconnect });
  }

  /** The claim on a client that has negotiated. */
  private negotiated(path: ServedPath, token: string): Claim {
    return {
      mayBePlain: false,
      sessionToResume: () => this.sessionOf(connectionIdOf(token)),
      identify: ({ userId }) => {
        const read = this.tokens.read(token, path.key, userId);
        if (!read) {
          warnOfInvalidToken(path);
          return { status: NOT_FOUND };
        }
        const { connectionId } = read;
        const resumed = this.sessionOf(connectionId);
        if (resumed) return { resumed };
        return this.tokens.use(read) ? { connectionId } : { status: NOT_FOUND };
      },
      introduce: (socket) => introduce(socket, this.introductionTo(path, undefined)),
    };
  }

  /** The claim on a client that has not negotiated: its first message shows whether it is a SignalR or a plain client. */
  private undecided(path: ServedPath): Claim {
    return {
      mayBePlain: true,
      sessionToResume: () => undefined,
      identify: () => ({ connectionId: undefined }),
      introduce: (socket) => introduce(socket, this.introductionTo(path, path.plain)),
    };
  }

  private createKeepAlive(): ConnectionHeartbeat {
    const { keepAliveIntervalMs, clientTimeoutMs } = this.options;
    return new ConnectionHeartbeat(keepAliveIntervalMs, clientTimeoutMs, this.counters);
  }

  /** The session that a client may resume. */
  private sessionOf(connectionId: string | undefined): Session | undefined {
    const session = this.resumable.get(connectionId ?? '');
    return session?.canResume ? session : undefined;
  }

  private introductionTo(
    { context }: ServedPath,
    plain: ServedPath['plain'] | undefined,
  ): IntroductionOptions {
    const { hubs, options } = this;
    const keepAlive = (this.keepAlive ??= this.createKeepAlive());
    const client = { errors: options, maxMessageBytes: context.edge.maxPayloadBytes, keepAlive };
    return {
      timeoutMs: options.handshakeTimeoutMs,
      hubs,
      plain,
      dialectOf: (hub, version) => {
        // Without a token, a client could not name the session that it resumes.
        const isStateful = version >= STATEFUL_VERSION && !plain;
        return new HubClient(hub, {
          ...client,
          stateful: isStateful ? this.statefulOptions(context) : undefined,
        });
      },
    };
  }

  private statefulOptions({ edge }: ServedPath['context']): StatefulOptions | undefined {
    const { resumeTimeoutMs } = this.options;
    if (resumeTimeoutMs === undefined) return undefined;
    return {
      resumeTimeoutMs,
      maxBytes: edge.maxBufferedBytes,
      began: (session) => void this.resumable.set(session.id, session),
      ended: ({ id }) => void this.resumable.delete(id),
    };
  }
}

function warnOfInvalidToken({ key, context }: ServedPath): void {
  context.log.warn(
    'token',
    `A SignalR client of ${key} was refused, because its token is invalid or belongs to another user or path. \`authenticate\` must return the same user for the negotiation and for the WebSocket, and all servers must have the same \`channelPrefix\` and \`signalr.tokenSecret\`.`,
  );
}

function negotiationPath(urlPath: string): string {
  const path = comparablePath(urlPath);
  return path === '/' ? '/negotiate' : `${path}/negotiate`;
}

/** Whether the path has this port of its own: its key then begins with the port. */
function isOnPort({ key }: ServedPath, port: number | undefined): boolean {
  return key.startsWith(`${port}/`);
}
