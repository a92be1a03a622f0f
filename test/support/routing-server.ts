import { type Clock, systemClock } from '../../lib/bus/clock.js';
import { ServerBus } from '../../lib/bus/server-bus.js';
import type { ResolvedOutage } from '../../lib/options/resolve-options.js';
import { ChannelNames } from '../../lib/protocol/channel-names.js';
import { newConnectionId } from '../../lib/protocol/connection-id.js';
import { decodeEnvelope, encodeEnvelope } from '../../lib/protocol/envelope.js';
import { plainDialect } from '../../lib/protocol/dialect.js';
import { jsonProtocol } from '../../lib/protocol/json-protocol.js';
import { MessageFrames } from '../../lib/protocol/message-frames.js';
import { RecordKind } from '../../lib/protocol/record-kind.js';
import { LocalConnection } from '../../lib/routing/local-connection.js';
import { Addressing } from '../../lib/routing/addressing.js';
import { Router } from '../../lib/routing/router.js';
import { settled } from './fake-transport.js';
import { ScriptedTransport } from './scripted-transport.js';

const SERVER_ID = 'AbCdEfGhIj-_';
export const PEER_ID = 'ZyXwVuTsRq-_';
export const PATH = '/chat';
const CAUSE = new Error('the link is gone');

/** A published record. */
export interface Sent {
  readonly channel: string;
  readonly kind: number;
  readonly body: Buffer;
}

/** A connection and what its client received. */
export interface Client {
  readonly connection: LocalConnection;
  readonly received: unknown[];
  readonly closed: number[];
}

/** The router and bus of one server on a transport that the test controls. */
export class RoutingServer {
  readonly channels = new ChannelNames('app');
  readonly transport = new ScriptedTransport();
  readonly bus: ServerBus;
  readonly router: Router;
  readonly addressing: Addressing;
  private peerNumber = 0;

  constructor(
    outage: ResolvedOutage = { policy: 'reject' },
    clock: Clock = systemClock,
    unsubscribeDelayMs = 1000,
  ) {
    const options = { publishTimeoutMs: 5000, clock };
    this.bus = new ServerBus(SERVER_ID, this.channels, this.transport, options);
    this.router = new Router(this.bus, this.channels, {
      protocols: [jsonProtocol],
      outage,
      commandTimeoutMs: 5000,
      maxMessageBytes: 2 ** 20,
      unsubscribeDelayMs,
    });
    this.router.roster.open(PATH);
    this.addressing = new Addressing(SERVER_ID, this.channels, this.router.roster);
  }

  async start(): Promise<this> {
    await this.bus.start((origin, kind, body) => this.router.receive(origin, kind, body));
    await this.up();
    return this;
  }

  async close(): Promise<void> {
    this.router.close();
    await this.bus.close();
  }

  /** Makes the backplane ready: links come up, subscriptions succeed, and the server's own heartbeat returns. */
  async up(): Promise<void> {
    this.transport.says.up('subscriber');
    this.transport.says.up('publisher');
    await this.flushed();
    this.echo();
    await this.flushed();
  }

  down(): void {
    for (const link of ['publisher', 'subscriber'] as const) this.transport.says.down(link, CAUSE);
  }

  /** Returns the server's latest envelope, which proves that the earlier ones came back too. */
  echo(): void {
    const own = this.transport.published.at(-1);
    if (own) this.transport.says.message(own, Buffer.from(this.channels.servers));
  }

  /** Delivers records published by the peer. */
  hears(...records: Buffer[]): void {
    this.hearsFrom(PEER_ID, ...records);
  }

  /** Delivers records published by the server with this id. */
  hearsFrom(origin: string, ...records: Buffer[]): void {
    const envelope = encodeEnvelope(origin, ++this.peerNumber, records);
    this.transport.says.message(envelope, Buffer.from(this.channels.servers));
  }

  client(userId?: string): Client {
    const client = { received: [] as unknown[], closed: [] as number[] };
    const sink = {
      write: ({ payload }: { payload: string | Buffer }) =>
        void client.received.push(JSON.parse(payload.toString())),
      isFull: false,
      flush: () => undefined,
      close: (code: number) => void client.closed.push(code),
    };
    const connection = new LocalConnection(
      newConnectionId(SERVER_ID),
      PATH,
      userId,
      plainDialect(jsonProtocol),
      sink,
    );
    void this.router.roster.add(connection);
    return { connection, ...client };
  }

  emit(text: string, group = 'g'): Promise<unknown> {
    const address = { path: PATH, targets: [{ kind: 'group' as const, name: group }], excluded: [] };
    const frames = MessageFrames.of({ event: 'said', data: text });
    return this.router.emitter.emit(address, frames, { local: false, volatile: false });
  }

  /** The published records of these kinds, oldest first. */
  sent(...kinds: readonly number[]): Sent[] {
    const { published, channels } = this.transport;
    return published
      .flatMap((bytes, index) => {
        const decoded = decodeEnvelope(bytes);
        if (!decoded.ok) throw new Error(`The server published an envelope that is ${decoded.reason}.`);
        return decoded.envelope.records.map((record) => ({ channel: channels[index] ?? '', ...record }));
      })
      .filter(({ kind }) => kinds.includes(kind));
  }

  /** The texts of the published emits, oldest first. */
  get emitted(): string[] {
    return this.sent(RecordKind.Message).map(
      ({ body }) => /"data":"([^"]*)"/.exec(body.toString())?.[1] ?? '',
    );
  }

  /** Waits a few event loop turns, so that all effects of earlier calls have happened. */
  async flushed(): Promise<void> {
    for (let round = 0; round < 3; round++) await settled();
  }
}
