import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

const HOST = '127.0.0.1';

interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
}

/** What one direction does with the bytes it reads. */
interface Direction {
  swallows(bytes: Buffer): boolean;
  delayMs(): number;
}

/**
 * A proxy between a server and its Redis. It keeps the bytes that it holds back and sends them later, like a TCP
 * connection whose packets are dropped for a while.
 */
export class Proxy {
  private readonly pairs = new Set<Pair>();
  private held = { toRedis: false, fromRedis: false };
  /** The next chunk to Redis that contains this text is dropped. */
  private swallowed: string | undefined;
  private delay = { toRedis: 0, fromRedis: 0 };

  private constructor(
    private readonly server: Server,
    private target: number,
  ) {
    server.on('connection', (client) => this.accept(client));
  }

  static async open(target: number): Promise<Proxy> {
    const server = createServer({ pauseOnConnect: true }).listen(0, HOST);
    await once(server, 'listening');
    return new Proxy(server, target);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Holds back all bytes. Sockets stay open and new ones are accepted. */
  blackhole(directions: Partial<Proxy['held']> = { toRedis: true, fromRedis: true }): void {
    this.hold({ ...this.held, ...directions });
  }

  /** Drops the next chunk to Redis that contains this text. A network cannot do this, but a proxy can. */
  swallowNext(text: string): void {
    this.swallowed = text;
  }

  /** Delays all bytes by this many milliseconds and keeps their order. */
  slow(delayMs: Partial<Proxy['delay']>): void {
    this.delay = { ...this.delay, ...delayMs };
  }

  heal(): void {
    this.delay = { toRedis: 0, fromRedis: 0 };
    this.hold({ toRedis: false, fromRedis: false });
  }

  /** Connects to another Redis from now on, and closes existing connections. */
  repoint(target: number): void {
    this.target = target;
    this.cut();
  }

  /** Closes every connection. New ones are accepted. */
  cut(): void {
    for (const { client, upstream } of this.pairs) {
      client.destroy();
      upstream.destroy();
    }
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.cut();
    await closed;
  }

  private accept(client: Socket): void {
    const pair = { client, upstream: connect({ port: this.target, host: HOST, noDelay: true }) };
    client.setNoDelay();
    this.pairs.add(pair);
    pump(client, pair.upstream, {
      swallows: (bytes) => this.swallows(bytes),
      delayMs: () => this.delay.toRedis,
    });
    pump(pair.upstream, client, { swallows: () => false, delayMs: () => this.delay.fromRedis });
    for (const socket of [client, pair.upstream]) {
      // `close` follows every error and does the cleanup.
      socket.on('error', () => undefined).once('close', () => this.pairs.delete(pair));
    }
    this.flow(pair);
  }

  private swallows(bytes: Buffer): boolean {
    if (this.swallowed === undefined || !bytes.includes(this.swallowed)) return false;
    this.swallowed = undefined;
    return true;
  }

  private hold(held: Proxy['held']): void {
    this.held = held;
    for (const pair of this.pairs) this.flow(pair);
  }

  private flow({ client, upstream }: Pair): void {
    const { toRedis, fromRedis } = this.held;
    if (toRedis) client.pause();
    else client.resume();
    if (fromRedis) upstream.pause();
    else upstream.resume();
  }
}

/**
 * Copies bytes from one socket to the other. Bytes read before the end are written before the other socket is closed.
 */
function pump(from: Socket, to: Socket, direction: Direction): void {
  const delayed: { readonly at: number; readonly act: () => void }[] = [];
  const drain = (): void => {
    while (delayed[0] && delayed[0].at <= performance.now()) delayed.shift()?.act();
    if (delayed[0]) setTimeout(drain, delayed[0].at - performance.now());
  };
  const later = (act: () => void): void => {
    // Never before earlier bytes, even if the delay has just become shorter.
    const at = Math.max(performance.now() + direction.delayMs(), delayed.at(-1)?.at ?? 0);
    if (delayed.length === 0 && direction.delayMs() === 0) return act();
    delayed.push({ at, act });
    if (delayed.length === 1) drain();
  };
  from.on('data', (bytes: Buffer) => {
    if (!direction.swallows(bytes)) later(() => to.write(bytes));
  });
  from.once('close', () => later(() => to.destroySoon()));
}
