import type { BalancedSettings, LossReport } from '../../servers/balanced-server.js';
import { type ServerProcess, startServerProcess } from '../../servers/server-process.js';
import { compiledServer } from '../../support/compiled-server.js';
import type { TestFarm } from '../../support/test-farm.js';
import { freePorts } from '../../support/free-ports.js';

const NAMES = ['lima', 'perth', 'kyoto'];

/** A server process that can be replaced by a new one on the same port. */
export class BalancedServer<Report = LossReport> {
  /** What its processes have sent, after their port. */
  readonly reports: Report[] = [];
  private server: ServerProcess | undefined;

  constructor(
    private readonly script: string,
    private readonly settings: BalancedSettings,
  ) {}

  get name(): string {
    return this.settings.name;
  }

  get port(): number {
    return this.settings.port;
  }

  get pid(): number {
    return this.server?.child.pid ?? NaN;
  }

  /** Starts the process. Resolves once it listens. */
  async start(): Promise<void> {
    const env = { BALANCED_SERVER: JSON.stringify(this.settings) };
    this.server = await startServerProcess(compiledServer(this.script), { env });
    this.server.child.on('message', (report: Report) => this.reports.push(report));
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

/**
 * Starts three server processes on one backplane. They end with the farm.
 *
 * @param script the name of the server in `test/servers`
 */
export async function startBalancedServers<Report = LossReport>(
  farm: TestFarm,
  options: Omit<BalancedSettings, 'name' | 'port'>,
  script = 'balanced-server',
): Promise<BalancedServer<Report>[]> {
  const ports = await freePorts(NAMES.map(() => undefined));
  const servers = NAMES.map(
    (name, index) => new BalancedServer<Report>(script, { ...options, name, port: ports[index] ?? 0 }),
  );
  for (const server of servers) farm.onEnd(() => server.kill());
  await Promise.all(servers.map((server) => server.start()));
  return servers;
}
