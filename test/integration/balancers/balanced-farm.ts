import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { BalancedSettings, LossReport } from '../../servers/balanced-server.js';
import type { TestFarm } from '../../support/test-farm.js';
import { freePorts } from '../../support/free-ports.js';

const SCRIPT = fileURLToPath(new URL('../../../.build/test/servers/balanced-server.js', import.meta.url));
const NAMES = ['lima', 'perth', 'kyoto'];

/** A server process that can be replaced by a new one on the same port. */
export class BalancedServer {
  readonly losses: LossReport[] = [];
  private child: ChildProcess | undefined;

  constructor(private readonly settings: BalancedSettings) {}

  get port(): number {
    return this.settings.port;
  }

  get pid(): number {
    return this.child?.pid ?? NaN;
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    const env = { ...process.env, NODE_OPTIONS: '', BALANCED_SERVER: JSON.stringify(this.settings) };
    const child = fork(SCRIPT, [], { execArgv: [], env });
    this.child = child;
    const early = once(child, 'exit').then(([code]) => {
      throw new Error(`The server ended with ${String(code)} before it listened.`);
    });
    await Promise.race([once(child, 'message'), early]);
    early.catch(() => undefined);
    child.on('message', (report: LossReport) => this.losses.push(report));
  }

  /** Asks it to end, as a deployment does; resolves when the process is gone. */
  async terminate(): Promise<void> {
    await this.end('SIGTERM');
  }

  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
}

/** Three servers of one backplane in processes of their own; they end with the test. */
export async function startBalancedServers(
  farm: TestFarm,
  options: Pick<BalancedSettings, 'connection' | 'channelPrefix' | 'heartbeat'>,
): Promise<BalancedServer[]> {
  if (!existsSync(SCRIPT)) throw new Error('The servers are not compiled: npm run build:test');
  const ports = await freePorts(NAMES.map(() => undefined));
  const servers = NAMES.map(
    (name, index) => new BalancedServer({ ...options, name, port: ports[index] ?? 0 }),
  );
  for (const server of servers) farm.onEnd(() => server.kill());
  await Promise.all(servers.map((server) => server.start()));
  return servers;
}
