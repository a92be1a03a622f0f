import { connect } from 'node:net';
import type { Binary } from './debian-package.js';
import { freePorts } from './free-ports.js';
import { findRedisBinary } from './redis-binary.js';
import { startGuarded, type GuardedProcess } from './process-guard.js';

const HOST = '127.0.0.1';
const PORT_ATTEMPTS = 10;
const START_DEADLINE_MS = 15_000;
const PORT_TAKEN = 'Address already in use';

/** `listening`: what a server logs once it holds its port. It proves that a reply comes from this server. */
const MODES = {
  server: { args: ['--save', '', '--appendonly', 'no'], listening: 'Ready to accept connections' },
  // A sentinel requires a configuration file because it saves what it learns there.
  sentinel: { args: ['sentinel.conf', '--sentinel'], listening: 'Sentinel ID is' },
} as const;

export interface RedisOptions {
  /** Extra arguments for redis-server, or a function that makes them from the port. They must not redirect the log. */
  args?: readonly string[] | ((port: number) => readonly string[]);
  /** By default a free port. */
  port?: number;
  /** Files to create in its working folder, by name. */
  files?: Readonly<Record<string, string>>;
  /** `sentinel` reads the file sentinel.conf. */
  mode?: keyof typeof MODES;
  /** The binary to run instead of this machine's redis-server. */
  binary?: Binary;
}

export interface AcquiredRedis {
  url: string;
  stop: () => Promise<void>;
  /** Absent if it is the Redis of `REDIS_URL`. */
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

/** A local Redis process. It runs until `stop()` or `kill()` and never outlives this process. */
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

  /** The process id of redis-server itself. */
  get pid(): number {
    return this.running().pid;
  }

  /** Starts it, or restarts it on the same port after `kill()` or `stop()`. */
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

  /** Ends it with SIGKILL because there is nothing to save. May be called at any time and repeatedly. */
  async stop(): Promise<void> {
    const starting = this.#launch?.catch(() => undefined);
    await (await starting)?.kill();
  }

  /** Simulates a crash with SIGKILL. Resolves once the process has exited. */
  async kill(): Promise<void> {
    await this.running().kill();
  }

  /** Simulates a hung server: the kernel still accepts connections, but it never replies. */
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

/** Starts a new, empty Redis without persistence. */
export async function startRedis({ port, ...options }: RedisOptions = {}): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    // Reserve the port, so that no other server takes it while this one is down.
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

/** Uses the Redis of `REDIS_URL`, which `stop()` does not stop, or starts one. */
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
    const deadline = AbortSignal.timeout(START_DEADLINE_MS);
    await untilListening(redis, MODES[mode].listening, deadline);
    await untilAnswering(port, deadline);
    return redis;
  } catch (error) {
    await redis.kill();
    const reason = error instanceof Error ? error.message : String(error);
    throw new RedisStartError(`redis-server did not start on port ${port}: ${reason}`, redis.output());
  }
}

function untilListening(redis: GuardedProcess, sign: string, deadline: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const check = (): void => {
      if (redis.output().includes(sign)) resolve();
    };
    redis.onOutput(check);
    check();
    void redis.exited.then(() => reject(new Error('it exited.')));
    deadline.addEventListener('abort', () =>
      reject(new Error(`it was not ready within ${START_DEADLINE_MS} ms.`)),
    );
  });
}

/** Waits for a reply to PING. NOAUTH counts too because the arguments may have set a password. */
function untilAnswering(port: number, deadline: AbortSignal): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const socket = connect({ port, host: HOST, signal: deadline }, () => socket.write('PING\r\n'));
    socket.setEncoding('utf8').on('data', (reply: string) => {
      socket.destroy();
      if (/^(\+PONG|-NOAUTH)/.test(reply)) resolve();
      else reject(new Error(`it replied to PING with ${reply.trim()}.`));
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('it closed the connection.')));
  });
}
