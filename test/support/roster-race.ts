import type { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import type { MemberList } from '../../lib/routing/members.js';
import { connectMember } from './acceptance.js';
import type { ChatServer } from './chat-app.js';
import type { Random } from './seed.js';
import { type TestFarm, turn } from './test-farm.js';

export const GROUP = 'room';

interface Racer {
  readonly connection: BackplaneConnection;
  readonly close: () => Promise<unknown>;
  /** Its join has resolved, and it has not been told to leave or close since. */
  isIn: boolean;
  /** Its join has been called, and no leave has resolved since. A closed connection may be listed for a moment. */
  mayBeIn: boolean;
  /** How often it was told to leave or close. */
  departures: number;
}

/** How a test asks a server who is in the group. */
export type Ask = (server: ChatServer) => Promise<MemberList>;

/** Connections of several servers join, leave and close at random, while all servers are asked who is there. */
export class RosterRace {
  readonly wrong: string[] = [];
  /** How many members had to be listed in all. If there are few, the race proves nothing. */
  required = 0;
  private racers: Racer[] = [];
  private readonly joins: string[] = [];
  private readonly pending = new Set<Promise<unknown>>();

  constructor(
    private readonly farm: TestFarm,
    private readonly servers: readonly ChatServer[],
    private readonly random: Random,
    private readonly ask: Ask,
  ) {}

  async run(steps: number, connections: number): Promise<void> {
    for (let index = 0; index < connections; index++) await this.connect();
    // The first answer of a server takes a second: by then it knows the others.
    for (const server of this.servers) await this.ask(server);
    for (let step = 0; step < steps; step++) await this.step();
    await Promise.all(this.pending);
  }

  /** Asks every server once nothing happens any more. Their lists must be exact. */
  async finish(): Promise<void> {
    const expected = this.racers.filter(({ isIn }) => isIn).map(({ connection }) => connection.id);
    for (const server of this.servers) {
      const { members } = await this.ask(server);
      const ids = members.map(({ id }) => id);
      if (ids.sort().join() !== expected.sort().join())
        this.wrong.push(`at the end, ${ids.length} instead of ${expected.length} members were listed`);
    }
  }

  private async step(): Promise<void> {
    const dice = this.random.below(20);
    const racer = this.random.pick(this.racers);
    if (dice < 4) this.track(racer.mayBeIn ? this.leave(racer) : this.join(racer));
    else if (dice === 4) await this.replace(racer);
    else if (dice < 10) this.track(this.check(this.random.pick(this.servers)));
    else await turn();
  }

  private async connect(): Promise<void> {
    const { connection, client } = await connectMember(this.farm, this.random.pick(this.servers));
    const close = (): Promise<unknown> => {
      client.socket.close();
      return client.closed;
    };
    this.racers.push({ connection, close, isIn: false, mayBeIn: false, departures: 0 });
  }

  private async join(racer: Racer): Promise<void> {
    const { departures } = racer;
    racer.mayBeIn = true;
    this.joins.push(racer.connection.id);
    await racer.connection.join(GROUP);
    racer.isIn = racer.departures === departures;
  }

  private async leave(racer: Racer): Promise<void> {
    racer.isIn = false;
    racer.departures++;
    const { departures } = racer;
    await racer.connection.leave(GROUP);
    if (racer.departures === departures) racer.mayBeIn = false;
  }

  private async replace(racer: Racer): Promise<void> {
    racer.isIn = false;
    racer.departures++;
    this.track(racer.close());
    this.racers = this.racers.filter((other) => other !== racer);
    await this.connect();
  }

  /** Everyone whose join resolved before the call must be listed, unless it leaves meanwhile. */
  private async check(server: ChatServer): Promise<void> {
    const must = this.racers.filter(({ isIn }) => isIn).map((racer) => ({ racer, ...racer }));
    const { members, missing } = await this.ask(server);
    const listed = new Set(members.map(({ id }) => id));
    if (missing.length > 0) this.wrong.push(`${missing.join()} did not answer`);
    if (listed.size !== members.length) this.wrong.push('a connection is listed twice');
    const called = new Set(this.joins);
    for (const id of listed) if (!called.has(id)) this.wrong.push(`${id} is listed and never joined`);
    for (const { racer, departures } of must) {
      if (racer.departures !== departures) continue;
      this.required++;
      if (!listed.has(racer.connection.id)) this.wrong.push(`${racer.connection.id} is not listed`);
    }
  }

  private track(promise: Promise<unknown>): void {
    this.pending.add(promise);
    void promise.finally(() => this.pending.delete(promise));
  }
}
