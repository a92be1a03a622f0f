import type { BalancedSettings, LossReport } from '../../servers/balanced-server.js';
import { type ServerProcess, startServerProcess } from '../../servers/server-process.js';
import { compiledServer } from '../../support/compiled-server.js';
import type { TestFarm } from '../../support/test-farm.js';
import { freePorts } from '../../support/free-ports.js';

const NAMES = ['lima', 'perth', 'kyoto'];

/** A server process that can be replaced by a new one on the same port. */
export class BalancedServer {
  readonly losses: LossReport[] = [];
  private server: ServerProcess | undefined;

  constructor(private readonly settings: BalancedSettings) {}

  get port(): number {
    return this.settings.port;
  }

  get pid(): number {
    return this.server?.child.pid ?? NaN;
  }

  /** Starts the process. Resolves once it listens. */
  async start(): Promise<void> {
    const env = { BALANCED_SERVER: JSON.stringify(this.settings) };
    this.server = await startServerProcess(compiledServer('balanced-server'), { env });
    this.server.child.on('message', (report: LossReport) => this.losses.push(report));
  }

  /** Sends SIGTERM, as a deployment does. Resolves once the process has exited. */
  async terminate(): Promise<void> {
    await this.end('SIGTERM');
  }

  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    this.server?.child.kill(signal);
    await this.server?.exited;
  }
}

/** Starts three server processes on one backplane. They end with the test. */
export async function startBalancedServers(
  farm: TestFarm,
  options: Pick<BalancedSettings, 'connection' | 'channelPrefix' | 'heartbeat'>,
): Promise<BalancedServer[]> {
  const ports = await freePorts(NAMES.map(() => undefined));
  const servers = NAMES.map(
    (name, index) => new BalancedServer({ ...options, name, port: ports[index] ?? 0 }),
  );
  for (const server of servers) farm.onEnd(() => server.kill());
  await Promise.all(servers.map((server) => server.start()));
  return servers;
}
