import type { Bus } from '../bus/bus.js';
import { PublishRefusedError } from '../bus/transport.js';
import { Capability } from '../protocol/capabilities.js';
import type { ChannelNames } from '../protocol/channel-names.js';
import type { Address } from '../protocol/target.js';
import { type Addressing, channelsOfServers } from './addressing.js';
import { BackplaneClosedError, InvokeCanceledError } from './request.errors.js';
import { checkSize, closedError, publishError } from './routing.errors.js';
import type { ServerReplies } from './server-replies.js';

/** A repeatable request is published again after this time without a reply, because the request or the reply may be lost. */
const REPEAT_MS = 1000;
/** "Every server" means every server heard within one heartbeat. By then every live server has sent one. */
const FARM_VIEW_MS = 1000;

/** What a caller does, as error messages name it. */
export type RequestName = 'command' | 'invoke' | 'query';

/** A request, ready to be published. */
export interface Request {
  readonly channels: readonly string[];
  readonly record: Buffer;
  /** The servers that it names, such as those that hold the connections in its address. */
  readonly named: ReadonlySet<string>;
  /** Whether every server replies, and not just the named ones. */
  readonly toFarm: boolean;
}

export interface SendOptions {
  readonly what: RequestName;
  /** How long to wait for replies, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether a server that gets it twice acts once. Then it is repeated until all have replied. */
  readonly isRepeatable: boolean;
  /** How often it is repeated, in milliseconds. @default 1000 */
  readonly repeatMs?: number | undefined;
  /** What a server must be able to do to reply. One that cannot is named in `replies.unable` at once. */
  readonly needs?: number;
  /** Gives the request up. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends requests to the other servers and waits for one reply from each server concerned. Does not wait for a server that
 * is absent or dies. Commands and invocations are built on this.
 */
export class Requests {
  private isClosed = false;
  private readonly pending = new Map<ServerReplies<unknown>, RequestName>();

  constructor(
    private readonly bus: Bus,
    private readonly channels: ChannelNames,
    private readonly addressing: Addressing,
    private readonly maxMessageBytes: number,
  ) {}

  /**
   * @param encode called only if another server is concerned
   * @returns `undefined` if no other server can hold a connection of this address
   * @throws MessageTooLargeError
   */
  prepare(address: Address, encode: () => Buffer): Request | undefined {
    const toFarm = this.addressing.concernsFarm(address);
    const channels = toFarm ? [this.channels.servers] : this.addressing.channelsOf(address);
    if (channels.length === 0) return undefined;
    const record = encode();
    checkSize(record, this.maxMessageBytes);
    return { channels, record, named: this.addressing.serversNamed(address), toFarm };
  }

  /** A request to these servers, none of which is this one. `undefined` if there are none. */
  prepareFor(servers: ReadonlySet<string>, record: Buffer): Request | undefined {
    if (servers.size === 0) return undefined;
    return {
      channels: channelsOfServers([...servers], this.channels),
      record,
      named: servers,
      toFarm: false,
    };
  }

  /** @throws NotPublishedError once the app is shutting down */
  checkOpen(): void {
    if (this.isClosed) throw closedError();
  }

  /**
   * Publishes the request, if there is one, and resolves when no reply is outstanding or the time is up. `replies` has
   * the result; replies that arrive later no longer change it.
   *
   * @throws NotPublishedError, PublishOutcomeUnknownError, InvokeCanceledError, BackplaneClosedError (as rejections)
   */
  async send(
    request: Request | undefined,
    replies: ServerReplies<unknown>,
    {
      what,
      timeoutMs,
      isRepeatable,
      repeatMs = REPEAT_MS,
      needs = Capability.Connections,
      signal,
    }: SendOptions,
  ): Promise<void> {
    if (request) this.checkOpen();
    const { clock } = this.bus;
    const cancel = (): void => replies.end(new InvokeCanceledError(signal?.reason));
    if (signal?.aborted) cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    const timeout = clock.after(timeoutMs, () => replies.end());
    const repetition =
      request && isRepeatable
        ? clock.every(repeatMs, () => this.repeat(request, replies.outstanding))
        : undefined;
    this.pending.set(replies, what);
    try {
      if (request) {
        // Before publishing, so that a server that dies in between counts as lost, not absent, and one that the request never
        // reaches is outstanding.
        for (const server of request.named) replies.expect(server);
        if (request.toFarm) this.expectAlive(replies, needs);
        await this.publish(request, replies, isRepeatable);
        const older = this.refuseForOlder(request, replies, needs);
        if (request.toFarm) await older;
      }
      replies.expectNoMore();
      await replies.done;
    } finally {
      timeout();
      repetition?.();
      signal?.removeEventListener('abort', cancel);
      this.pending.delete(replies);
      replies.end();
    }
  }

  /** Rejects all pending requests with a BackplaneClosedError. No new one can be sent. */
  close(): void {
    this.isClosed = true;
    for (const [replies, what] of this.pending) replies.end(new BackplaneClosedError(what));
  }

  private async publish(
    { channels, record }: Request,
    replies: ServerReplies<unknown>,
    isRepeatable: boolean,
  ): Promise<void> {
    const published = this.bus.publish(channels, record).catch((cause: unknown) => {
      // The outcome is unknown, but the repetition makes up for a lost publish.
      if (isRepeatable && !(cause instanceof PublishRefusedError)) return;
      throw publishError(0, cause);
    });
    // If Redis takes the publish and never answers, the timeout still ends the wait.
    await Promise.race([published, replies.done]);
  }

  /**
   * Stops waiting for servers of an older release that do not know the request, once this server has heard a heartbeat of
   * each server. By then it also knows the servers that it did not know when it published the request.
   */
  private async refuseForOlder(
    { named, toFarm }: Request,
    replies: ServerReplies<unknown>,
    needs: number,
  ): Promise<void> {
    const { peers } = this.bus;
    await replies.whenHeardFor(FARM_VIEW_MS);
    if (toFarm) this.expectAlive(replies, needs);
    for (const server of toFarm ? peers.alive : named) {
      const isOlder = peers.can(server, Capability.Connections) && !peers.can(server, needs);
      if (isOlder && peers.alive.has(server)) replies.refuse(server);
    }
  }

  /** Nobody waits for a server without connections, or for one of an older release that does not know the request. */
  private expectAlive(replies: ServerReplies<unknown>, needs: number): void {
    const { peers } = this.bus;
    for (const server of peers.alive) if (peers.can(server, needs)) replies.expect(server);
  }

  private repeat({ record }: Request, servers: readonly string[]): void {
    if (servers.length === 0) return;
    this.bus.publish(channelsOfServers(servers, this.channels), record).catch(() => undefined);
  }
}
