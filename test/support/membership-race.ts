import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { ConnectionClosedError, ConnectionNotFoundError } from '../../lib/routing/request.errors.js';
import { connectMember } from './acceptance.js';
import type { ChatServer } from './chat-app.js';
import { Clock, type Emitted, MemberModel } from './membership-model.js';
import type { Random } from './seed.js';
import { delivered, type TestFarm, turn } from './test-farm.js';
import type { ServerMessage, WsClient } from './ws-client.js';

const EVENT = 'raced';

/** The data of a message. */
type Wire = readonly [sender: number, number: number];

interface Racer {
  readonly client: WsClient;
  readonly connection: BackplaneConnection;
  readonly model: MemberModel;
}

export interface Run {
  readonly emitted: readonly Emitted[];
  readonly racers: readonly (Pick<Racer, 'model'> & { readonly received: readonly Wire[] })[];
}

/** Connections on two servers join, leave, disconnect and reconnect while both servers emit to groups. */
export class MembershipRace {
  private readonly clock = new Clock();
  private readonly emitted: Emitted[] = [];
  private readonly lastNumbers = [0, 0];
  /** By receiving server and sender: the last message that a client of that server received. */
  private readonly handled = [
    [0, 0],
    [0, 0],
  ];
  private readonly all: Racer[] = [];
  private readonly present: Racer[] = [];
  private readonly pending = new Set<Promise<void>>();

  constructor(
    private readonly farm: TestFarm,
    private readonly servers: readonly [ChatServer, ChatServer],
    private readonly random: Random,
    private readonly groups: readonly string[],
    private readonly hotGroups: number,
  ) {}

  async run(steps: number, connections: number): Promise<Run> {
    for (let number = 0; number < connections; number++) await this.connect(number % 2);
    for (let step = 0; step < steps; step++) await this.step();
    await this.settle();
    const racers = this.all.map(({ model, client }) => ({ model, received: client.dataOf(EVENT) as Wire[] }));
    return { emitted: this.emitted, racers };
  }

  private async step(): Promise<void> {
    const dice = this.random.below(1000);
    if (dice < 480) this.emit();
    else if (dice < 600) this.start(this.join(this.group()));
    else if (dice < 680) await this.joinAndEmit();
    else if (dice < 840) this.start(this.leave(this.group()));
    else if (dice < 910) this.start(this.command('join'));
    else if (dice < 975) this.start(this.command('leave'));
    else if (dice < 985) this.start(this.reconnect());
    else await this.settle();
    // Wait not at all, for an event loop turn, or for the oldest pending operation.
    const pause = this.random.below(10);
    if (pause < 3) await turn();
    else if (pause === 3) await [...this.pending][0];
  }

  /** Half of the picks are from a few hot groups. The others are so rare that servers unsubscribe in between. */
  private group(): string {
    return this.random.pick(this.random.below(2) === 0 ? this.groups.slice(0, this.hotGroups) : this.groups);
  }

  private emit(group = this.group(), sender = this.random.below(2)): void {
    const groups = [group, ...this.random.list(2, () => this.group())];
    const exceptGroup = this.random.below(5) === 0 ? this.group() : undefined;
    const exceptConnection =
      this.random.below(10) === 0 ? this.random.pick(this.present).model.id : undefined;
    const number = (this.lastNumbers[sender] ?? 0) + 1;
    this.lastNumbers[sender] = number;
    this.emitted.push({ sender, number, at: this.clock.tick(), groups, exceptGroup, exceptConnection });
    let target = this.server(sender).broadcaster.group(...groups);
    if (exceptGroup !== undefined) target = target.exceptGroup(exceptGroup);
    if (exceptConnection !== undefined) target = target.except(exceptConnection);
    this.start(target.emit(EVENT, [sender, number] satisfies Wire));
  }

  private async join(group: string, { connection, model } = this.random.pick(this.present)): Promise<void> {
    const join = model.join(group, true);
    if (await this.reached(model, connection.join(group))) join.done();
  }

  private async leave(group: string): Promise<void> {
    const { connection, model } = this.random.pick(this.present);
    const leave = model.leave(group, true);
    await connection.leave(group);
    leave.done();
  }

  /** Checks the most important promise: once a join has resolved, an emit of any server arrives. */
  private async joinAndEmit(): Promise<void> {
    const group = this.group();
    const racer = this.random.pick(this.present);
    await this.join(group, racer);
    this.emit(group, 1 - racer.model.server);
  }

  /** Joins or leaves through a command of either server. */
  private async command(name: 'join' | 'leave'): Promise<void> {
    const group = this.group();
    const { model } = this.random.pick(this.present);
    const change = model[name](group, false);
    const target = this.server(this.random.below(2)).broadcaster.connection(model.id);
    if (await this.reached(model, target[name](group))) change.done();
  }

  private async reconnect(): Promise<void> {
    const racer = this.random.pick(this.present);
    const { model, connection, client } = racer;
    if (this.present.length < 4) return;
    this.present.splice(this.present.indexOf(racer), 1);
    const way = this.random.below(3);
    const end = model.close(way === 0 ? lastNumbers(client) : undefined);
    const gone = new Promise((resolve) => connection.socket.once('close', resolve));
    if (way === 0) client.socket.terminate();
    else if (way === 1) connection.close();
    else
      await this.reached(
        model,
        this.server(1 - model.server)
          .broadcaster.connection(model.id)
          .disconnect(),
      );
    await Promise.all([gone, client.closed]);
    end.done();
    await this.connect(model.server);
  }

  /** Resolves with `false` if the connection was closing anyway. Otherwise a missing connection is an error. */
  private async reached(model: MemberModel, call: Promise<void>): Promise<boolean> {
    try {
      await call;
      return true;
    } catch (error) {
      const isGone = error instanceof ConnectionNotFoundError || error instanceof ConnectionClosedError;
      if (isGone && model.ending) return false;
      throw error;
    }
  }

  private async connect(index: number): Promise<void> {
    const { client, connection, id } = await connectMember(this.farm, this.server(index));
    const handled = this.handled[index] ?? [];
    const model = new MemberModel(id, index, this.clock, () => [...handled]);
    client.socket.on('message', (bytes: Buffer) => {
      const { event, data } = JSON.parse(bytes.toString()) as ServerMessage;
      if (event !== EVENT) return;
      const [sender, number] = data as Wire;
      handled[sender] = Math.max(handled[sender] ?? 0, number);
    });
    const racer = { client, connection, model };
    this.all.push(racer);
    this.present.push(racer);
  }

  /** Waits until all operations are done and all messages have arrived. */
  private async settle(): Promise<void> {
    while (this.pending.size > 0) await Promise.all(this.pending);
    const clients = this.present.map(({ client }) => client);
    for (const server of this.servers) await delivered(server, ...clients);
    for (const handled of this.handled)
      for (const sender of [0, 1]) handled[sender] = this.lastNumbers[sender] ?? 0;
  }

  private start(operation: Promise<unknown>): void {
    const pending = operation.then(() => void this.pending.delete(pending));
    this.pending.add(pending);
    // `settle` awaits it and fails the test then.
    pending.catch(() => undefined);
  }

  private server(index: number): ChatServer {
    return this.servers[index === 0 ? 0 : 1];
  }
}

function lastNumbers(client: WsClient): number[] {
  const last = [0, 0];
  for (const [sender, number] of client.dataOf(EVENT) as Wire[]) last[sender] = number;
  return last;
}
