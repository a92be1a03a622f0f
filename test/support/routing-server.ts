import { ServerBus } from '../../lib/bus/server-bus.js';
import type { ResolvedOutage } from '../../lib/options/resolve-options.js';
import { ChannelNames } from '../../lib/protocol/channel-names.js';
import { newConnectionId } from '../../lib/protocol/connection-id.js';
import { decodeEnvelope, encodeEnvelope } from '../../lib/protocol/envelope.js';
import { jsonProtocol } from '../../lib/protocol/json-protocol.js';
import { MessageFrames } from '../../lib/protocol/message-frames.js';
import { RecordKind } from '../../lib/protocol/record-kind.js';
import { LocalConnection } from '../../lib/routing/local-connection.js';
import { Router } from '../../lib/routing/router.js';
import { settled } from './fake-transport.js';
import { ScriptedTransport } from './scripted-transport.js';

const SERVER_ID = 'AbCdEfGhIj-_';
export const PEER_ID = 'ZyXwVuTsRq-_';
export const PATH = '/chat';
const CAUSE = new Error('the link is gone');

/** A record as it was published. */
export interface Sent {
  readonly channel: string;
  readonly kind: number;
  readonly body: Buffer;
}

/** A connection, and what its client would have seen. */
export interface Client {
  readonly connection: LocalConnection;
  readonly received: unknown[];
  readonly closed: number[];
}

/** Routing and the bus of one server, over a Redis that does what the test says. */
export class RoutingServer {
  readonly channels = new ChannelNames('app');
  readonly transport = new ScriptedTransport();
  readonly bus = new ServerBus(SERVER_ID, this.channels, this.transport, 5000);
  readonly router: Router;
  private peerNumber = 0;

  constructor(outage: ResolvedOutage = { policy: 'reject' }, unsubscribeDelayMs = 1000) {
    this.router = new Router(this.bus, this.channels, {
      protocols: [jsonProtocol],
      outage,
      commandTimeoutMs: 5000,
      maxMessageBytes: 2 ** 20,
      unsubscribeDelayMs,
    });
    this.router.roster.open(PATH);
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

  /** Redis is there: links, subscriptions, and the own heartbeat on its way back. */
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

  /** The newest own envelope comes back, which proves that those before it have, too. */
  echo(): void {
    const own = this.transport.published.at(-1);
    if (own) this.transport.says.message(own, Buffer.from(this.channels.servers));
  }

  /** The peer publishes records. */
  hears(...records: Buffer[]): void {
    this.hearsFrom(PEER_ID, ...records);
  }

  /** A server of this id publishes records. */
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
    const connection = new LocalConnection(newConnectionId(SERVER_ID), PATH, userId, jsonProtocol, sink);
    void this.router.roster.add(connection);
    return { connection, ...client };
  }

  emit(text: string, group = 'g'): Promise<unknown> {
    const address = { path: PATH, targets: [{ kind: 'group' as const, name: group }], excluded: [] };
    const frames = MessageFrames.of({ event: 'said', data: text });
    return this.router.emitter.emit(address, frames, { local: false, volatile: false });
  }

  /** What has been published of these kinds, oldest first. */
  sent(...kinds: readonly number[]): Sent[] {
    const { published, channels } = this.transport;
    return published
      .flatMap((bytes, index) => {
        const decoded = decodeEnvelope(bytes);
        if (!decoded.ok) throw new Error(`is ${decoded.reason}`);
        return decoded.envelope.records.map((record) => ({ channel: channels[index] ?? '', ...record }));
      })
      .filter(({ kind }) => kinds.includes(kind));
  }

  /** The texts of the emits that were published, oldest first. */
  get emitted(): string[] {
    return this.sent(RecordKind.Message).map(
      ({ body }) => /"data":"([^"]*)"/.exec(body.toString())?.[1] ?? '',
    );
  }

  /** All that follows from what has been done. */
  async flushed(): Promise<void> {
    for (let round = 0; round < 3; round++) await settled();
  }
}
