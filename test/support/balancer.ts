import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from './free-ports.js';
import { type GuardedProcess, startGuarded } from './process-guard.js';
import { findProgram, type Program, projectRoot } from './program.js';

const HOST = '127.0.0.1';
const START_DEADLINE_MS = 10_000;
const POLL_MS = 20;
/** Includes the download, which happens the first time on a machine. */
export const BRING_DEADLINE_MS = 180_000;
/** The servers' ports in the samples' configurations. */
const SERVER_PORTS = [3001, 3002, 3003];

interface Setup {
  readonly program: Program;
  /** The folder of its sample, which has the configuration. */
  readonly folder: string;
  readonly files: readonly string[];
  readonly args: readonly string[];
}

const SETUPS = {
  nginx: {
    program: {
      name: 'nginx',
      variable: 'NGINX_BIN',
      // /usr/sbin is not on every user's PATH.
      commands: ['nginx', '/usr/sbin/nginx'],
      versionArgument: '-v',
      packages: ['nginx'],
      path: 'usr/sbin/nginx',
      advice: 'Install the package nginx, or set NGINX_BIN to the path of an nginx.',
    },
    folder: '05-behind-nginx',
    files: ['nginx.conf', 'chat.conf'],
    // A single process, because workers would survive a SIGKILL of their master.
    args: ['-p', '.', '-c', 'nginx.conf', '-e', 'stderr', '-g', 'daemon off; master_process off;'],
  },
  haproxy: {
    program: {
      name: 'haproxy',
      variable: 'HAPROXY_BIN',
      commands: ['haproxy', '/usr/sbin/haproxy'],
      versionArgument: '-v',
      packages: ['haproxy'],
      path: 'usr/sbin/haproxy',
      advice: 'Install the package haproxy, or set HAPROXY_BIN to the path of an HAProxy.',
    },
    folder: '06-behind-haproxy',
    files: ['haproxy.cfg'],
    args: ['-db', '-f', 'haproxy.cfg'],
  },
} satisfies Record<string, Setup>;

export type BalancerName = keyof typeof SETUPS;
export const BALANCERS: readonly BalancerName[] = ['nginx', 'haproxy'];

export interface BalancerOptions {
  /** The ports of the three servers. */
  readonly servers: readonly number[];
  /** The port to listen on if it is free. By default any free port. */
  readonly preferredPort?: number;
  /** Lines of the configuration and their replacements. */
  readonly changes?: Readonly<Record<string, string>>;
}

export interface Balancer {
  readonly port: number;
  readonly url: string;
  /** The last part of its output. */
  output(): string;
  stop(): Promise<void>;
}

/** Downloads the balancers if they are missing. Call it outside a test's timeout. */
export async function bringBalancers(): Promise<void> {
  for (const { program } of Object.values(SETUPS)) await findProgram(program);
}

/** Starts a balancer with its sample's configuration on free ports. It never outlives this process. */
export async function startBalancer(name: BalancerName, options: BalancerOptions): Promise<Balancer> {
  const { program, args, folder, files: names }: Setup = SETUPS[name];
  const binary = await findProgram(program);
  const [port = 0] = await freePorts([options.preferredPort]);
  const files: Record<string, string> = {};
  for (const file of names) {
    files[file] = await readFile(join(projectRoot(), 'sample', folder, file), 'utf8');
  }
  const configuration = names.at(-1) ?? '';
  files[configuration] = adapt(files[configuration] ?? '', port, options);
  const balancer = await startGuarded({ ...binary, args, files });
  try {
    await untilListening(balancer, port);
  } catch (error) {
    await balancer.kill();
    throw error;
  }
  return {
    port,
    url: `http://${HOST}:${port}`,
    output: () => balancer.output(),
    stop: () => balancer.kill(),
  };
}

function adapt(configuration: string, port: number, { servers, changes = {} }: BalancerOptions): string {
  let text = configuration;
  for (const [line, other] of Object.entries(changes)) {
    if (!text.includes(line))
      throw new Error(`The balancer's configuration has no line "${line}" to replace.`);
    text = text.replace(line, other);
  }
  SERVER_PORTS.forEach((original, index) => {
    text = text.replace(`${HOST}:${original}`, `${HOST}:${servers[index] ?? original}`);
  });
  // The sample listens on all interfaces, a test only on loopback.
  return text.replace(/(listen |bind ):?8080/, `$1${HOST}:${port}`);
}

async function untilListening(balancer: GuardedProcess, port: number): Promise<void> {
  const deadline = performance.now() + START_DEADLINE_MS;
  while (!(await isListening(port))) {
    if (!balancer.isRunning() || performance.now() > deadline) {
      throw new Error(
        `The balancer did not start to listen on port ${port}. Its output:\n${balancer.output()}`,
      );
    }
    await delay(POLL_MS);
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, HOST);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
