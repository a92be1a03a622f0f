import type { Bus } from '../bus/bus.js';
import type { ClientProtocol } from '../protocol/client-protocol.js';
import { isRoaming } from '../protocol/connection-id.js';
import { HEADER_LENGTH } from '../protocol/envelope.js';
import {
  type ChannelHearing,
  decodeExplain,
  decodeExplainConnection,
  decodeExplainConnectionPart,
  decodeExplainPart,
  encodeExplain,
  encodeExplainConnection,
  encodeExplainConnectionPart,
  encodeExplainPart,
  type ConnectionState,
  type ExplainConnectionQuery,
  type ExplainPart,
  type ExplainQuery,
} from '../protocol/explain-records.js';
import type { MessageFrames } from '../protocol/message-frames.js';
import { encodeMessage } from '../protocol/message-record.js';
import { QueryKind } from '../protocol/query-record.js';
import type { Address } from '../protocol/target.js';
import type { Addressing } from './addressing.js';
import { recipients } from './deliver.js';
import type { EmitOptions } from './emitter.js';
import type {
  ConnectionExplanation,
  Explanation,
  NotReceivedReason,
  ServerExplanation,
} from './explanation.js';
import type { LocalConnection } from './local-connection.js';
import type { OutagePolicy } from './outage/outage-policy.js';
import type { Queries } from './queries.js';
import type { Roster } from './roster.js';

const HEARD: ChannelHearing = { state: 'heard', deafMs: 0 };

/** Says whom an emit would reach, and why, with the functions that deliver it. */
export class Explain {
  constructor(
    private readonly bus: Bus,
    private readonly addressing: Addressing,
    private readonly protocols: readonly ClientProtocol[],
    private readonly roster: Roster,
    private readonly policy: OutagePolicy,
    private readonly queries: Queries,
  ) {
    queries.on(QueryKind.Explain, (body) => [encodeExplainPart(this.reached(decodeExplain(body)))]);
    queries.on(QueryKind.ExplainConnection, (body) => {
      const query = decodeExplainConnection(body);
      const { state, isFull } = this.stateOf(query);
      return [encodeExplainConnectionPart({ state, isFull, hearing: this.hearing(query.channels) })];
    });
  }

  /** @throws what `Queries.ask` throws (as rejections) */
  async emit(
    address: Address,
    frames: MessageFrames,
    sample: number,
    options: EmitOptions,
  ): Promise<Explanation> {
    const channels = this.addressing.channelsOf(address);
    const question = {
      kind: QueryKind.Explain,
      body: encodeExplain({ address, channels, sample }),
      to: address,
      decode: decodeExplainPart,
    };
    const { parts, missing } = await this.queries.ask(question);
    const servers = [...parts].flatMap(([server, [part]]) => (part ? [this.serverOf(server, part)] : []));
    return { servers, missing, ...this.outcome(address, frames, channels, options) };
  }

  /** The same for this server's connections only. */
  local(address: Address, sample: number): Explanation {
    const { serverId } = this.bus;
    const own = this.serverOf(serverId, this.reached({ address, channels: [], sample }));
    const cost = { channels: [], publishes: 0, bytes: 0 };
    return { servers: [own], missing: [], cost, backplane: 'notNeeded' };
  }

  /**
   * Why an emit of this server would or would not reach a connection.
   *
   * @param path the connection's path
   * @throws what `Queries.ask` throws (as rejections)
   */
  async connection(
    path: string,
    id: string,
    address: Address,
    isLocal: boolean,
  ): Promise<ConnectionExplanation> {
    const holder = this.addressing.holderOf(path, id);
    const channels = isLocal ? [] : this.addressing.channelsOf(address);
    const query = { path, id, address, channels };
    if (holder === undefined && !isRoaming(id)) return explained(['notConnected'], undefined);
    if (holder === this.bus.serverId) {
      const { state, isFull } = this.stateOf(query);
      return this.explainState(state, isFull, HEARD);
    }
    if (isLocal) return explained(['otherServer'], undefined);
    const { parts, missing } = await this.queries.ask({
      kind: QueryKind.ExplainConnection,
      body: encodeExplainConnection(query),
      to:
        holder === undefined
          ? { path, targets: [{ kind: 'connection', name: id }], excluded: [] }
          : new Set([holder]),
      decode: decodeExplainConnectionPart,
    });
    const part = [...parts.values()].flat().find(({ state }) => state !== 'notConnected');
    if (part) return this.explainState(part.state, part.isFull, part.hearing);
    return explained([missing.length > 0 ? 'noReply' : 'notConnected'], undefined);
  }

  private explainState(
    state: ConnectionState,
    isFull: boolean,
    { state: hearing, deafMs }: ChannelHearing,
  ): ConnectionExplanation {
    // A server without recipients need not hear the channels.
    if (state !== 'addressed') return explained([state], undefined);
    const reasons: NotReceivedReason[] = [];
    if (hearing === 'unheard') reasons.push('notHeard');
    if (hearing === 'refused') reasons.push('refused');
    if (isFull) reasons.push('slow');
    return explained(reasons, hearing === 'heard' ? undefined : this.dateOf(deafMs));
  }

  private serverOf(serverId: string, { connections, hearing, sample }: ExplainPart): ServerExplanation {
    // This server's own connections get the message without Redis.
    const hears = serverId === this.bus.serverId || hearing.state === 'heard';
    return {
      serverId,
      connections: hears ? connections : 0,
      sample: hears ? sample : [],
      hears,
      isRefused: !hears && hearing.state === 'refused',
      deafSince: hears ? undefined : this.dateOf(hearing.deafMs),
    };
  }

  /** The connections that would be written to if the message arrived now. */
  private reached({ address, channels, sample }: ExplainQuery): ExplainPart {
    const members = this.roster.members(address.path);
    const connections = (members ? recipients(members, address) : []).filter(({ isWritable }) => isWritable);
    const ids = connections.slice(0, sample).map(({ id }) => id);
    return { connections: connections.length, hearing: this.hearing(channels), sample: ids };
  }

  private stateOf({ path, id, address }: ExplainConnectionQuery): {
    state: ConnectionState;
    isFull: boolean;
  } {
    const connection = this.roster.members(path)?.get(id);
    if (!connection) return { state: 'notConnected', isFull: false };
    return { state: this.addressed(connection, address), isFull: connection.sink.isFull };
  }

  private addressed(connection: LocalConnection, address: Address): ConnectionState {
    const members = this.roster.members(address.path);
    if (connection.path !== address.path || !members) return 'otherPath';
    if (recipients(members, address).includes(connection)) return 'addressed';
    return recipients(members, { ...address, excluded: [] }).includes(connection) ? 'excluded' : 'notMember';
  }

  /** The first copy of a message serves all its targets, so one channel is enough. */
  private hearing(channels: readonly string[]): ChannelHearing {
    const known = channels.map((channel) => this.bus.hearingOf(channel));
    if (known.length === 0 || known.some(({ isHeard }) => isHeard)) return HEARD;
    const since = Math.max(...known.map(({ deafSince }) => deafSince ?? Infinity));
    const deafMs = since === Infinity ? 0 : this.bus.clock.now() - since;
    return { state: known.some(({ isRefused }) => isRefused) ? 'refused' : 'unheard', deafMs };
  }

  private outcome(
    address: Address,
    frames: MessageFrames,
    channels: readonly string[],
    { volatile }: EmitOptions,
  ): Pick<Explanation, 'cost' | 'backplane'> {
    const payloads = frames.payloads(this.protocols);
    const record = encodeMessage({
      address,
      volatile,
      hasArguments: frames.shape.hasArguments,
      payloads,
    });
    const bytes = channels.length * (HEADER_LENGTH + record.length);
    const cost = { channels, publishes: channels.length, bytes };
    if (channels.length === 0) return { cost, backplane: 'notNeeded' };
    const isOpen = this.bus.pipesOf(channels).every((pipe) => pipe.isOpenFor(0));
    if (isOpen) return { cost, backplane: 'accepted' };
    return { cost, backplane: volatile ? 'skipped' : this.policy.whenDown };
  }

  private dateOf(agoMs: number): Date | undefined {
    return agoMs === 0 ? undefined : new Date(this.bus.clock.date() - agoMs);
  }
}

function explained(
  reasons: readonly NotReceivedReason[],
  deafSince: Date | undefined,
): ConnectionExplanation {
  return { receives: reasons.length === 0, reasons, deafSince };
}
