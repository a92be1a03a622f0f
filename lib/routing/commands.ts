import type { Bus } from '../bus/bus.js';
import type { ChannelNames } from '../protocol/channel-names.js';
import {
  type CommandAction,
  type CommandReplyRecord,
  decodeCommand,
  decodeCommandReply,
  encodeCommand,
  encodeCommandReply,
} from '../protocol/command-record.js';
import { isRoaming, serverOf } from '../protocol/connection-id.js';
import { RecordKind } from '../protocol/record-kind.js';
import type { Address } from '../protocol/target.js';
import { messageOf } from '../protocol/thrown.js';
import { type Addressing, namedConnections, namesConnectionsOnly } from './addressing.js';
import { recipients } from './deliver.js';
import type { LocalConnection } from './local-connection.js';
import type { RecordDispatcher } from './record-dispatcher.js';
import {
  CommandFailedError,
  CommandTimeoutError,
  ConnectionClosedError,
  ConnectionNotFoundError,
  ServerLostError,
} from './request.errors.js';
import type { Request, Requests } from './requests.js';
import type { Roster } from './roster.js';
import type { SendListeners } from './send-listeners.js';
import { ServerReplies } from './server-replies.js';

/** How long a reply is kept after its command last arrived. Long enough, because commands are repeated every second. */
const REMEMBER_MS = 60_000;

interface Done {
  /** When the command last arrived. */
  readonly at: number;
  readonly reply: Promise<CommandReplyRecord>;
}

/** A command that waits for replies. */
interface PendingCommand {
  readonly replies: ServerReplies<CommandReplyRecord>;
  /** `undefined` if the command concerns more than roaming connections on other servers. */
  readonly search: Search | undefined;
}

/** The roaming connections that are still to be found. Every server is asked for them. */
class Search {
  constructor(private readonly left: Set<string>) {}

  /** Takes the reply of a server: the ids of the connections that it does not hold. */
  take(missing: readonly string[]): void {
    const absent = new Set(missing);
    for (const id of this.left) if (!absent.has(id)) this.left.delete(id);
  }

  get isDone(): boolean {
    return this.left.size === 0;
  }
}

/** Runs commands (join, leave, disconnect) for connections on any server and waits until they are done. */
export class Commands {
  private number = 0;
  private readonly pending = new Map<number, PendingCommand>();
  /** Commands from other servers, by origin and number, in order of last arrival. A repetition gets the same reply. */
  private readonly done = new Map<string, Done>();

  constructor(
    private readonly bus: Bus,
    private readonly channels: ChannelNames,
    private readonly addressing: Addressing,
    private readonly roster: Roster,
    private readonly requests: Requests,
    dispatcher: RecordDispatcher,
    /** How long a command waits for the servers concerned, in milliseconds. */
    private readonly timeoutMs: number,
    private readonly listeners: SendListeners,
  ) {
    dispatcher.on(RecordKind.Command, (body, origin) => this.receive(body, origin));
    dispatcher.on(RecordKind.CommandReply, (body, origin) => this.receiveReply(body, origin));
  }

  /**
   * Resolves when every server concerned has carried out the command.
   *
   * @throws BackplaneClosedError, ConnectionNotFoundError, ServerLostError, CommandTimeoutError, CommandFailedError, NotJoinedError,
   * NotPublishedError, MessageTooLargeError (as rejections)
   */
  async run(address: Address, action: CommandAction, local: boolean): Promise<void> {
    const number = ++this.number;
    // Comes first, so that a command that cannot be sent is rejected before it has any effect.
    const request = local
      ? undefined
      : this.requests.prepare(address, () => encodeCommand({ number, address, action }));
    if (!this.listeners.isEmpty) this.listeners.notify({ kind: 'command', address, action, local });
    // Before `execute`, because a connection that the command itself disconnects is not missing.
    const notHere = this.notHere(address);
    const own = this.execute(address, action);
    // The other servers get the command even if this server's own part fails.
    const [ownOutcome, others] = await Promise.allSettled([
      own,
      request && this.runElsewhere(number, address, request, notHere),
    ]);
    if (ownOutcome.status === 'rejected') throw ownOutcome.reason;
    if (others.status === 'rejected') throw others.reason;
    const malformed = namedConnections(address).filter((id) => serverOf(id) === undefined && !isRoaming(id));
    const missingHere = notHere.filter((id) => !request || !isRoaming(id));
    const missingElsewhere = (others.value ?? []).filter((id) => !isRoaming(id) || notHere.includes(id));
    const missing = [...malformed, ...missingHere, ...missingElsewhere];
    if (missing.length > 0) throw new ConnectionNotFoundError(missing);
  }

  /** @returns the ids of named connections that no other server holds */
  private async runElsewhere(
    number: number,
    address: Address,
    request: Request,
    notHere: readonly string[],
  ): Promise<string[]> {
    const replies = new ServerReplies<CommandReplyRecord>(this.bus.peers, this.addressing.serversOf(address));
    const { timeoutMs } = this;
    const search = this.searchFor(address, notHere);
    this.pending.set(number, { replies, search });
    try {
      await this.requests.send(request, replies, { what: 'command', timeoutMs, isRepeatable: true });
    } finally {
      this.pending.delete(number);
    }
    return missingOf(address, replies, search, timeoutMs);
  }

  private receive(body: Buffer, origin: string): void {
    const command = decodeCommand(body);
    const key = `${origin} ${command.number}`;
    this.forgetOld();
    const reply = this.done.get(key)?.reply ?? this.carryOut(command.number, command.address, command.action);
    // Moves it to the end, because the map is in the order of the last arrival.
    this.done.delete(key);
    this.done.set(key, { at: this.bus.clock.now(), reply });
    void reply.then((record) =>
      this.bus.publish([this.channels.server(origin)], encodeCommandReply(record)).catch(() => undefined),
    );
  }

  private async carryOut(
    number: number,
    address: Address,
    action: CommandAction,
  ): Promise<CommandReplyRecord> {
    const missing = this.notHere(address);
    try {
      await this.execute(address, action);
      return { number, error: '', missing };
    } catch (error) {
      return { number, error: messageOf(error), missing };
    }
  }

  private receiveReply(body: Buffer, origin: string): void {
    const reply = decodeCommandReply(body);
    const pending = this.pending.get(reply.number);
    if (!pending) return;
    const { replies, search } = pending;
    replies.reply(origin, reply);
    search?.take(reply.missing);
    // Once all are found, the other replies do not matter.
    if (search?.isDone) replies.end();
  }

  /** `undefined` if the command concerns anything else on other servers than roaming connections. */
  private searchFor(address: Address, notHere: readonly string[]): Search | undefined {
    if (!namesConnectionsOnly(address)) return undefined;
    const { serverId } = this.bus;
    const elsewhere = namedConnections(address).filter((id) =>
      isRoaming(id) ? notHere.includes(id) : serverOf(id) !== serverId,
    );
    return elsewhere.length > 0 && elsewhere.every(isRoaming) ? new Search(new Set(elsewhere)) : undefined;
  }

  private async execute(address: Address, action: CommandAction): Promise<void> {
    const members = this.roster.members(address.path);
    const connections = members ? recipients(members, address) : [];
    await Promise.all(connections.map((connection) => this.apply(connection, action)));
  }

  private async apply(connection: LocalConnection, action: CommandAction): Promise<void> {
    if (action.name === 'join') return this.roster.join(connection, action.group).catch(unlessClosed);
    if (action.name === 'disconnect') connection.close(action.code, action.reason);
    else this.roster.leave(connection, action.group);
  }

  /** The named connections that this server does not hold, although they roam or their ids name this server. */
  private notHere(address: Address): string[] {
    const members = this.roster.members(address.path);
    return namedConnections(address).filter(
      (id) => (isRoaming(id) || serverOf(id) === this.bus.serverId) && !members?.get(id),
    );
  }

  private forgetOld(): void {
    const limit = this.bus.clock.now() - REMEMBER_MS;
    for (const [key, { at }] of this.done) {
      if (at > limit) return;
      this.done.delete(key);
    }
  }
}

/** A connection that closes during a join does not make the command fail. */
function unlessClosed(error: unknown): void {
  if (!(error instanceof ConnectionClosedError)) throw error;
}

/** The ids of connections that no other server holds, by the replies. Throws if a server failed, died or timed out. */
function missingOf(
  address: Address,
  replies: ServerReplies<CommandReplyRecord>,
  search: Search | undefined,
  timeoutMs: number,
): string[] {
  const { outstanding, lost, absent } = replies;
  for (const [server, { error }] of replies.replies)
    if (error !== '') throw new CommandFailedError(server, error);
  const named = namedConnections(address);
  const holders = new Set(named.map(serverOf));
  const dead = lost.find((server) => holders.has(server));
  if (dead !== undefined) throw new ServerLostError(dead);
  if (outstanding.length > 0 && !search?.isDone) throw new CommandTimeoutError(outstanding, timeoutMs);
  const nowhere = new Set(absent);
  const gone = named.filter((id) => nowhere.has(serverOf(id) ?? ''));
  const answers = [...replies.replies.values()].map(({ missing }) => new Set(missing));
  const missing = answers.flatMap((answer) => [...answer]).filter((id) => !isRoaming(id));
  const roaming = named.filter((id) => isRoaming(id) && answers.every((answer) => answer.has(id)));
  return [...gone, ...missing, ...roaming];
}
