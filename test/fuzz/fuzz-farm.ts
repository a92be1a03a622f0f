import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import type { ProtocolName } from './client-messages.js';
import type { FuzzTarget } from './fuzz-case.js';
import type { ServerReport } from './fuzz-server.js';
import type { PlantedDefect } from './planted-defects.js';
import { RawSession } from './raw-session.js';
import { ControlProcess, ServerUnderTest } from './server-under-test.js';
import { FUZZ_PATH } from './upgrades.js';
import { Witness } from './witness.js';

const PROTOCOLS: readonly ProtocolName[] = ['json', 'msgpack'];
const MAX_REMEMBERED = 50;
/** A server unsubscribes a second after a connection closes, and by then the connection's timeouts have ended. */
const SETTLE_DEADLINE_MS = 20_000;
const POLL_MS = 100;
/** How long a conversation between the witnesses may take on a busy machine. */
const CONVERSATION_DEADLINE_MS = 20_000;

/** Two servers that share a Redis, witnesses connected to both, and an idle control process. */
export class FuzzFarm implements FuzzTarget {
  readonly connectionIds: string[] = [];
  private readonly witnesses: Witness[] = [];
  private number = 0;

  private constructor(
    private readonly redis: RedisServer,
    private readonly client: Redis,
    readonly control: ControlProcess,
    private readonly prefix: string,
    private readonly servers: readonly [ServerUnderTest, ServerUnderTest],
  ) {}

  static async start(plant?: PlantedDefect): Promise<FuzzFarm> {
    const redis = await startRedis();
    const prefix = `fuzz-${randomUUID()}`;
    const options = { connection: redis.url, prefix };
    const [first, second, control] = await Promise.all([
      ServerUnderTest.start({ ...options, plant }),
      ServerUnderTest.start(options),
      ControlProcess.start(),
    ]);
    const farm = new FuzzFarm(redis, new Redis(redis.url), control, prefix, [first, second]);
    await farm.openWitnesses();
    return farm;
  }

  get ports(): readonly [number, number] {
    return [this.servers[0].port, this.servers[1].port];
  }

  get serverIds(): readonly string[] {
    return this.servers.map(({ serverId }) => serverId);
  }

  /** How many witnesses are connected to each server. */
  get witnessesPerServer(): number {
    return PROTOCOLS.length;
  }

  /** Which servers have crashed. If none has, which witnesses got wrong replies or lost their connection. */
  get complaints(): string[] {
    const deaths = this.servers.flatMap(({ death }, index) => (death ? [`Server ${index} ${death}`] : []));
    if (deaths.length > 0) return deaths;
    return this.witnesses.flatMap(({ complaint }) => complaint ?? []);
  }

  get slowestConversationMs(): number {
    return Math.max(0, ...this.witnesses.map((witness) => witness.takeSlowestMs()));
  }

  nextNumber(): number {
    return ++this.number;
  }

  open(server: number, protocol: ProtocolName): RawSession {
    return RawSession.open(this.ports[server === 0 ? 0 : 1], protocol);
  }

  async publish(channel: string, bytes: Buffer): Promise<void> {
    await this.client.publish(`${this.prefix}:${channel}`, bytes);
  }

  invoke(server: number, connectionId: string): void {
    this.servers[server === 0 ? 0 : 1].order({ order: 'invoke', connectionId });
  }

  remember(connectionId: string): void {
    this.connectionIds.unshift(connectionId);
    this.connectionIds.length = Math.min(this.connectionIds.length, MAX_REMEMBERED);
  }

  async memory(server: number): Promise<number> {
    return (await this.servers[server === 0 ? 0 : 1].report()).memory;
  }

  /** @throws if a server has exited or does not respond */
  reports(): Promise<ServerReport[]> {
    return Promise.all(this.servers.map((server) => server.report()));
  }

  /** Polls until `holds` returns true, a server or witness fails, or the deadline passes. */
  async settled(holds: (reports: readonly ServerReport[]) => boolean): Promise<ServerReport[]> {
    const deadline = performance.now() + SETTLE_DEADLINE_MS;
    for (;;) {
      const reports = await this.reports();
      if (holds(reports) || this.complaints.length > 0 || performance.now() > deadline) return reports;
      await delay(POLL_MS);
    }
  }

  /** The channels of the fuzzed path that some server is still subscribed to. */
  async leftoverChannels(): Promise<string[]> {
    const deadline = performance.now() + SETTLE_DEADLINE_MS;
    for (;;) {
      const left = (await this.client.pubsub('CHANNELS', `${this.prefix}:${FUZZ_PATH}:*`)) as string[];
      if (left.length === 0 || performance.now() > deadline) return left;
      await delay(POLL_MS);
    }
  }

  /** Waits until every witness completes one more whole conversation, which proves that none was harmed. */
  async untilWitnessed(): Promise<void> {
    const before = this.witnesses.map(({ conversations }) => conversations);
    const done = (): boolean =>
      this.witnesses.every(({ conversations }, index) => conversations >= (before[index] ?? 0) + 2);
    const deadline = performance.now() + CONVERSATION_DEADLINE_MS;
    while (!done() && this.complaints.length === 0 && performance.now() < deadline) await delay(POLL_MS);
  }

  async end(): Promise<void> {
    await Promise.all(this.witnesses.map((witness) => witness.end()));
    this.client.disconnect();
    await Promise.all([...this.servers, this.control].map((process) => process.kill()));
    await this.redis.stop();
  }

  private async openWitnesses(): Promise<void> {
    for (const [index, { port }] of this.servers.entries())
      for (const protocol of PROTOCOLS)
        this.witnesses.push(await Witness.open(port, protocol, `${protocol} at server ${index}`));
    for (const witness of this.witnesses) witness.start(this.witnesses.filter((other) => other !== witness));
  }
}
