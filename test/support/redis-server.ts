import { connect } from 'node:net';
import type { Binary } from './debian-package.js';
import { freePorts } from './free-ports.js';
import { findRedisBinary } from './redis-binary.js';
import { startGuarded, type GuardedProcess } from './process-guard.js';

const HOST = '127.0.0.1';
const PORT_ATTEMPTS = 10;
const START_DEADLINE = 15_000;
const PORT_TAKEN = 'Address already in use';

/** `listening` is written once it holds the port, so it is this server that answers and no other one on the same port. */
const MODES = {
  server: { args: ['--save', '', '--appendonly', 'no'], listening: 'Ready to accept connections' },
  // It keeps what it learns in its configuration file, and insists on one.
  sentinel: { args: ['sentinel.conf', '--sentinel'], listening: 'Sentinel ID is' },
} as const;

export interface RedisOptions {
  /** More arguments for redis-server, by its port where they depend on it; its log must stay on the standard output. */
  args?: readonly string[] | ((port: number) => readonly string[]);
  /** A free one, when it is not given. */
  port?: number;
  /** Files in the folder in which it runs, by name. */
  files?: Readonly<Record<string, string>>;
  /** `sentinel` reads the file sentinel.conf. */
  mode?: keyof typeof MODES;
  /** Another than the redis-server to be found on this machine. */
  binary?: Binary;
}

export interface AcquiredRedis {
  url: string;
  stop: () => Promise<void>;
  /** Absent when it is the Redis of `REDIS_URL`. */
  server?: RedisServer;
}

export class RedisStartError extends Error {
  override readonly name = 'RedisStartError';

  constructor(
    problem: string,
    readonly output: string,
  ) {
    super(`${problem} Its output:\n${output.trim() || '(none)'}`);
  }
}

/** Keeps this process running until `stop()` or `kill()`; it never outlives this process. */
export class RedisServer {
  readonly host = HOST;
  #launch: Promise<GuardedProcess> | undefined;
  #process: GuardedProcess | undefined;

  constructor(
    readonly port: number,
    private readonly options: Omit<RedisOptions, 'port'>,
  ) {}

  get url(): string {
    return `redis://${this.host}:${this.port}`;
  }

  /** Of redis-server itself. */
  get pid(): number {
    return this.running().pid;
  }

  /** The first time, and again on the same port after `kill()` or `stop()`. */
  async start(): Promise<void> {
    if (this.#launch && this.#process?.isRunning() !== false) {
      throw new Error(`The Redis server on port ${this.port} is already started.`);
    }
    this.#process = undefined;
    this.#launch = launch(this.port, this.options);
    try {
      this.#process = await this.#launch;
    } catch (error) {
      this.#launch = undefined;
      throw error;
    }
  }

  /** May be called at any time and more than once. There is nothing to save, so it is not asked politely. */
  async stop(): Promise<void> {
    const starting = this.#launch?.catch(() => undefined);
    await (await starting)?.kill();
  }

  /** Like a crash: SIGKILL. Resolves when the process is gone. */
  async kill(): Promise<void> {
    await this.running().kill();
  }

  /** Like a hung server: it still accepts connections, through the kernel, and never answers. */
  freeze(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  private running(): GuardedProcess {
    if (!this.#process?.isRunning()) throw new Error(`The Redis server on port ${this.port} is not running.`);
    return this.#process;
  }
}

/** Starts a Redis of its own, empty and without persistence. */
export async function startRedis({ port, ...options }: RedisOptions = {}): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    // Reserved: nobody else's server shall start on it while this one is down.
    const [free = 0] = port === undefined ? await freePorts([undefined]) : [port];
    const server = new RedisServer(free, options);
    try {
      await server.start();
      return server;
    } catch (error) {
      const portTaken = error instanceof RedisStartError && error.output.includes(PORT_TAKEN);
      if (!portTaken || port !== undefined || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/** The Redis of `REDIS_URL`, which is left alone by `stop()`, or else one that is started for the caller. */
export async function acquireRedis(): Promise<AcquiredRedis> {
  const url = process.env.REDIS_URL;
  if (url) return { url, stop: () => Promise.resolve() };
  const server = await startRedis();
  return { url: server.url, stop: () => server.stop(), server };
}

async function launch(port: number, options: RedisOptions): Promise<GuardedProcess> {
  const { args = [], files = {}, mode = 'server', binary } = options;
  const { command, env } = binary ?? (await findRedisBinary());
  const fixed = [...MODES[mode].args, '--port', `${port}`, '--bind', HOST, '--daemonize', 'no'];
  const own = typeof args === 'function' ? args(port) : args;
  const redis = await startGuarded({ command, args: [...fixed, ...own], env, files });
  try {
    const deadline = AbortSignal.timeout(START_DEADLINE);
    await untilListening(redis, MODES[mode].listening, deadline);
    await untilAnswering(port, deadline);
    return redis;
  } catch (error) {
    await redis.kill();
    const reason = error instanceof Error ? error.message : String(error);
    throw new RedisStartError(`redis-server does not start on port ${port}: ${reason}`, redis.output());
  }
}

function untilListening(redis: GuardedProcess, sign: string, deadline: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      if (redis.output().includes(sign)) resolve();
    };
    redis.onOutput(look);
    look();
    void redis.exited.then(() => reject(new Error('it ended.')));
    deadline.addEventListener('abort', () => reject(new Error('it is not ready in time.')));
  });
}

/** A refusal is an answer too: the arguments may have set a password. */
function untilAnswering(port: number, deadline: AbortSignal): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const socket = connect({ port, host: HOST, signal: deadline }, () => socket.write('PING\r\n'));
    socket.setEncoding('utf8').on('data', (reply: string) => {
      socket.destroy();
      if (/^(\+PONG|-NOAUTH)/.test(reply)) resolve();
      else reject(new Error(`it answers PING with ${reply.trim()}.`));
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('it closes the connection.')));
  });
}
