import { createServer, type Server } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import { type AbstractHttpAdapter, ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import type { MessageMappingProperties } from '@nestjs/websockets';
import type { WebSocketServer } from 'ws';
import { BoundBroadcaster } from '../broadcast/bound-broadcaster.js';
import type { Broadcaster } from '../broadcast/broadcaster.js';
import type { BackplaneConnection } from '../broadcast/backplane-connection.js';
import type { GatewayOptions } from '../broadcast/gateway-metadata.js';
import type { ClientProtocol } from '../protocol/client-protocol.js';
import { protocolOfSubprotocol } from '../protocol/client-protocols.js';
import { pathKey } from '../protocol/channel-names.js';
import { ADAPTER_CONTEXT, type AdapterContext } from './adapter-context.js';
import { DIALECT_PROVIDER, type DialectProvider } from './dialect-provider.js';
import { DuplicateBackplaneError, ForeignAdapterError, NoHttpServerError } from './adapter.errors.js';
import type { Session } from './session.js';
import { createUserLimits, type UserLimits } from './user-limits.js';
import { Deadline } from './deadline.js';
import { DefaultExceptionFilter } from './default-exception.filter.js';
import { installExceptionFilter } from './gateway-filters.js';
import { guardGatewayHooks } from './gateway-hooks.js';
import { checkGateways } from './gateway-options.js';
import { PathServer } from './path-server.js';
import type { ConnectListener } from './path-sessions.js';
import { PlainDialects } from './plain-dialects.js';
import { TurnWriter } from './turn-writer.js';
import { UpgradeListener } from './upgrade-listener.js';

/** How long a client may take to reply to a close frame. After that, its connection is terminated. */
const CLOSE_TIMEOUT_MS = 2000;
const UPGRADE_REQUIRED = 426;

/** The options of a gateway, as Nest passes them on. Checked by then. */
type ServerOptions = GatewayOptions & { readonly path?: string };

/**
 * The WebSocketAdapter that connects the app's gateways to the backplane. It registers itself when the module is imported.
 * If you prefer to see that in the code, call `app.useWebSocketAdapter(app.get(RedisBackplaneAdapter))`, which does the same.
 */
@Injectable()
export class RedisBackplaneAdapter extends WsAdapter {
  private readonly writer = new TurnWriter();
  private readonly servers = new Map<object, PathServer>();
  private dialects: PlainDialects | undefined;
  private userLimits: UserLimits | undefined;
  /** One deadline for all paths and ports. It starts when the first path is closed. */
  private shutdown: Deadline | undefined;
  /** By port; 0 is the app's own HTTP server. */
  private readonly upgrades = new Map<number, UpgradeListener>();

  /** @internal */
  constructor(
    @Inject(ADAPTER_CONTEXT) private readonly context: AdapterContext,
    @Inject(DIALECT_PROVIDER) private readonly provider: DialectProvider | undefined,
    private readonly host: HttpAdapterHost,
    private readonly config: ApplicationConfig,
    private readonly modules: ModulesContainer,
  ) {
    // The app's HTTP server does not exist yet. WsAdapter gets the host instead, and `create` gets the server from it.
    super(host);
    const registered: unknown = config.getIoAdapter();
    if (registered instanceof RedisBackplaneAdapter) throw new DuplicateBackplaneError();
    // Set in the constructor, because Nest binds the gateways to this adapter before any lifecycle hook runs.
    config.setIoAdapter(this);
    // Not in `create`, because by then Nest has already read the filters of the gateway's handlers.
    installExceptionFilter(modules, new DefaultExceptionFilter());
  }

  /**
   * @internal Called before the bus is started.
   *
   * @throws ForeignAdapterError when the app uses another adapter
   */
  checkRegistered(): void {
    const used: object = this.config.getIoAdapter();
    if (used !== this) throw new ForeignAdapterError(used.constructor.name);
  }

  /** @internal Opens the gateways' own ports. Called at the end of bootstrap, when the handlers' dependencies are ready. */
  async openPorts(): Promise<void> {
    this.provider?.checkPaths();
    for (const [port, { httpServer }] of this.upgrades) if (port !== 0) await listen(httpServer, port);
  }

  /** @internal Called by Nest, once per port and path. */
  override create(port: number, options: ServerOptions = {}): Broadcaster {
    // Nest reads the hooks of a gateway only after it has called `create`.
    if (this.servers.size === 0) this.prepareGateways();
    const key = pathKey(options.path, port);
    const upgrades = this.upgradesOf(port);
    // With port 0, WsAdapter creates a server without a port, from its own copy of `ws`. The hooks that it calls are empty below.
    const wsServer = super.create(0, {
      maxPayload: this.context.edge.maxPayloadBytes,
      closeTimeout: CLOSE_TIMEOUT_MS,
      clientTracking: false,
      handleProtocols: (offered: Set<string>) => chooseSubprotocol(offered, this.context.protocols),
      ...options,
      // PathServer sends the pongs, because `ws` would send them without a limit.
      autoPong: false,
    }) as WebSocketServer;
    const { writer } = this;
    const dialects = (this.dialects ??= new PlainDialects(this.context));
    this.context.router.roster.open(key);
    const authenticate = this.context.authenticators.for(key);
    const userLimits = (this.userLimits ??= createUserLimits(this.context));
    const context = { ...this.context, authenticate, userLimits, writer, dialects, provider: this.provider };
    const urlPath = pathKey(options.path);
    this.provider?.serve({
      key,
      urlPath,
      context,
      plain: dialects.ofSubprotocol(''),
      http: port === 0 ? this.httpAdapter() : undefined,
    });
    const server = new PathServer(urlPath, key, wsServer, context, options['autoPong'] !== false);
    upgrades.add(server);
    const broadcaster = new BoundBroadcaster(this.context, this.context.connections, () => key);
    this.servers.set(broadcaster, server);
    return broadcaster;
  }

  /** @internal Called by Nest, once per gateway. */
  override bindClientConnect(broadcaster: object, listener: ConnectListener): void {
    this.servers.get(broadcaster)?.onConnect(listener);
  }

  /** @internal Called by Nest, once per gateway and client. */
  override bindMessageHandlers(client: BackplaneConnection, handlers: MessageMappingProperties[]): void {
    this.sessionOf(client)?.addHandlers(handlers);
  }

  /** @internal Called by Nest, once per gateway and client. */
  override bindClientDisconnect(client: BackplaneConnection, listener: (reason: number) => void): void {
    this.sessionOf(client)?.onDisconnect(listener);
  }

  /** @internal The first step of the shutdown. Stops accepting clients; connected ones are still served. */
  drain(): void {
    this.provider?.drain();
    for (const server of this.servers.values()) server.drain();
  }

  /** @internal Called by Nest on shutdown, once per path. */
  override async close(broadcaster: object): Promise<void> {
    await this.servers.get(broadcaster)?.close(this.deadline);
    this.servers.delete(broadcaster);
  }

  /** @internal Called by Nest on shutdown, after every path is closed. */
  override async dispose(): Promise<void> {
    this.dialects?.close();
    this.provider?.close();
    const upgrades = [...this.upgrades];
    this.upgrades.clear();
    for (const [, listener] of upgrades) listener.detach();
    const own = upgrades.filter(([port, { httpServer }]) => port !== 0 && httpServer.listening);
    await this.deadline.meets(Promise.all(own.map(([, { httpServer }]) => closePort(httpServer))));
  }

  private prepareGateways(): void {
    guardGatewayHooks(this.modules);
    checkGateways(this.modules, (message) => this.context.logger.warn(message));
  }

  private get deadline(): Deadline {
    return (this.shutdown ??= new Deadline(this.context.edge.shutdownTimeoutMs));
  }

  protected override ensureHttpServerExists(): undefined {
    return undefined;
  }

  protected override addWsServerToRegistry(): void {}

  private sessionOf(client: BackplaneConnection): Session | undefined {
    for (const server of this.servers.values()) {
      const session = server.sessionOf(client);
      if (session) return session;
    }
    return undefined;
  }

  private upgradesOf(port: number): UpgradeListener {
    const known = this.upgrades.get(port);
    if (known) return known;
    const upgrades = new UpgradeListener(port === 0 ? this.httpAdapter().getHttpServer() : this.ownServer());
    this.upgrades.set(port, upgrades);
    return upgrades;
  }

  /** The HTTP server of a gateway's own port. It refuses plain HTTP requests, unless a client negotiates there. */
  private ownServer(): Server {
    const { provider } = this;
    return createServer((request, response) => {
      if (!provider?.answer(request, response))
        response.writeHead(UPGRADE_REQUIRED, { Connection: 'close' }).end('Upgrade Required');
    });
  }

  private httpAdapter(): AbstractHttpAdapter<Server> {
    // Nest's types do not cover an app without an HTTP server.
    const adapter = this.host.httpAdapter as AbstractHttpAdapter<Server> | undefined;
    if (!adapter) throw new NoHttpServerError();
    return adapter;
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Closes the port and its connections. All WebSockets are closed by now, and unfinished requests are not waited for. */
function closePort(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  return closed;
}

/** Prefers an enabled subprotocol of this library. Otherwise takes the first foreign one: some clients send a token there. */
function chooseSubprotocol(
  offered: ReadonlySet<string>,
  protocols: readonly ClientProtocol[],
): string | false {
  const ours = protocols.find(({ subprotocol }) => subprotocol !== undefined && offered.has(subprotocol));
  const foreign = [...offered].find((name) => !protocolOfSubprotocol(name));
  return ours?.subprotocol ?? foreign ?? false;
}
