import { setTimeout as delay } from 'node:timers/promises';
import { decode, encode } from '@msgpack/msgpack';
import { WebSocket } from 'ws';
import type { ProtocolName } from './client-messages.js';
import { MSGPACK_SUBPROTOCOL } from './upgrades.js';
import type { Told } from './witness-gateway.js';

/** A healthy server replies within milliseconds, but may take seconds on a busy machine. */
const REPLY_DEADLINE_MS = 20_000;
const PAUSE_MS = 5;
/** How many echoes are in flight at once. They must come back in order. */
const PIPELINED = 5;
const DATA = [null, 'ä€😀', { a: [1, 'b', { c: true }] }, -1.5, ''];

interface Message {
  readonly event?: string;
  readonly data?: unknown;
  readonly id?: string | number;
  readonly error?: unknown;
}

/**
 * A well-behaved client that talks all the time. Whatever other clients do, its replies must be correct and in order.
 */
export class Witness {
  connectionId = '';
  /** The first thing that went wrong. */
  complaint: string | undefined;
  conversations = 0;
  /** The duration of the slowest conversation since the last call of `takeSlowestMs`. */
  private slowestMs = 0;
  private number = 0;
  private readonly waiting = new Map<string | number, (message: Message) => void>();
  private readonly echoes: unknown[] = [];
  private echoed: (() => void) | undefined;
  private readonly heard = new Map<string, number>();
  private ending = false;
  private conversing: Promise<void> = Promise.resolve();

  private constructor(
    readonly name: string,
    private readonly protocol: ProtocolName,
    private readonly socket: WebSocket,
  ) {
    socket.on('message', (bytes: Buffer) => this.receive(bytes));
    socket.on('error', () => undefined);
    socket.on('close', (code) => {
      if (!this.ending) this.complain(`was disconnected with code ${code}`);
    });
  }

  static async open(port: number, protocol: ProtocolName, name: string): Promise<Witness> {
    const subprotocols = protocol === 'msgpack' ? [MSGPACK_SUBPROTOCOL] : [];
    const socket = new WebSocket(`ws://127.0.0.1:${port}/witness`, subprotocols);
    const witness = new Witness(name, protocol, socket);
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    witness.connectionId = (await witness.ask('who')) as string;
    await witness.ask('join', 'witnesses');
    return witness;
  }

  /** Starts conversations with the other witnesses. */
  start(others: readonly Witness[]): void {
    this.conversing = this.converse(others).catch((error: unknown) =>
      this.complain(error instanceof Error ? error.message : String(error)),
    );
  }

  takeSlowestMs(): number {
    const { slowestMs } = this;
    this.slowestMs = 0;
    return slowestMs;
  }

  /** How many messages it received from another witness. */
  heardOf(name: string): number {
    return this.heard.get(name) ?? 0;
  }

  /** How many messages it sent to the group. */
  get told(): number {
    return this.number;
  }

  async end(): Promise<void> {
    this.ending = true;
    this.socket.terminate();
    for (const resolve of [...this.waiting.values()]) resolve({});
    this.echoed?.();
    await this.conversing;
  }

  private async converse(others: readonly Witness[]): Promise<void> {
    for (let turn = 0; !this.ending && this.complaint === undefined; turn++) {
      const began = performance.now();
      await this.echo();
      const other = others[turn % others.length];
      if (other)
        this.expect(await this.ask('ask', { connectionId: other.connectionId, count: turn }), 2 * turn);
      const told: Told = { from: this.name, count: ++this.number };
      this.expect(await this.ask('tell', told), 'told');
      this.slowestMs = Math.max(this.slowestMs, performance.now() - began);
      this.conversations++;
      await delay(PAUSE_MS);
    }
  }

  /** Sends several messages at once, without ids, and expects the echoes in the same order. */
  private async echo(): Promise<void> {
    const sent = Array.from({ length: PIPELINED }, (_, index) => [this.number, index, DATA[index]]);
    const all = new Promise<void>((resolve) => (this.echoed = resolve));
    this.echoes.length = 0;
    for (const data of sent) this.send({ event: 'echo', data });
    await this.inTime(all, 'echoes');
    this.expect(this.echoes, sent);
  }

  private async ask(event: string, data?: unknown): Promise<unknown> {
    const id = `${event}${this.waiting.size}`;
    const replied = new Promise<Message>((resolve) => this.waiting.set(id, resolve));
    this.send({ event, data, id });
    const { data: reply, error } = await this.inTime(replied, event);
    this.waiting.delete(id);
    if (error !== undefined) throw new Error(`got the error ${JSON.stringify(error)} as reply to ${event}`);
    return reply;
  }

  private async inTime<T>(reply: Promise<T>, what: string): Promise<T> {
    const deadline = new AbortController();
    const timedOut = delay(REPLY_DEADLINE_MS, undefined, { signal: deadline.signal }).then(() => {
      throw new Error(`got no reply to ${what} within ${REPLY_DEADLINE_MS} ms`);
    });
    timedOut.catch(() => undefined);
    return Promise.race([reply, timedOut]).finally(() => deadline.abort());
  }

  private receive(bytes: Buffer): void {
    const message = (this.protocol === 'json' ? JSON.parse(bytes.toString()) : decode(bytes)) as Message;
    if (message.event === 'double') this.send({ id: message.id, data: 2 * Number(message.data) });
    else if (message.event === 'told') this.hear(message.data as Told);
    else if (message.event === 'echo') this.hearEcho(message.data);
    else if (message.id !== undefined) this.waiting.get(message.id)?.(message);
    else this.complain(`got an unexpected message ${JSON.stringify(message)}`);
  }

  private hearEcho(data: unknown): void {
    this.echoes.push(data);
    if (this.echoes.length >= PIPELINED) this.echoed?.();
  }

  /** Checks that the messages of each witness arrive once and in order. */
  private hear({ from, count }: Told): void {
    const last = this.heard.get(from);
    if (last !== undefined && count !== last + 1)
      this.complain(`got message ${count} from ${from} after ${last}`);
    this.heard.set(from, count);
  }

  private expect(actual: unknown, expected: unknown): void {
    if (this.ending || JSON.stringify(actual) === JSON.stringify(expected)) return;
    this.complain(`expected ${JSON.stringify(expected)} but got ${JSON.stringify(actual)}`);
  }

  private complain(what: string): void {
    if (!this.ending) this.complaint ??= `The witness ${this.name} ${what}.`;
  }

  private send(message: Message): void {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send(
      this.protocol === 'json' ? JSON.stringify(message) : encode(message, { ignoreUndefined: true }),
    );
  }
}
