import { once } from 'node:events';
import { type ServerProcess, startServerProcess } from '../servers/server-process.js';
import { compiledScript } from './compiled.js';
import type { ServerOrder, ServerReport } from './fuzz-server.js';
import type { PlantedDefect } from './planted-defects.js';
import { PLANTED_VARIABLE } from './planted-defects.js';
import type { Vitals } from './server-health.js';

/** The heap limit in megabytes. A healthy server needs a quarter of it; one that trusts a header's length crashes. */
const MAX_HEAP_MB = 256;
/** A server that does not report for this long hangs, even on a busy machine. */
const REPORT_DEADLINE_MS = 60_000;
const KEPT_OUTPUT = 4000;

export interface ServerOptions {
  readonly connection: string;
  readonly prefix: string;
  readonly plant?: PlantedDefect | undefined;
}

/** A handle to a server that runs in its own process. */
export class ServerUnderTest {
  serverId = '';
  private output = '';
  private endedWith: string | undefined;

  private constructor(
    private readonly process: ServerProcess,
    readonly port: number,
  ) {
    for (const stream of [process.child.stdout, process.child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output = (this.output + text).slice(-KEPT_OUTPUT);
      });
    void process.exited.then(([code, signal]) => (this.endedWith = String(code ?? signal)));
  }

  static async start({ connection, prefix, plant }: ServerOptions): Promise<ServerUnderTest> {
    const process = await startServerProcess(compiledScript('fuzz-server'), {
      connection,
      prefix,
      env: plant ? { [PLANTED_VARIABLE]: plant } : {},
      execArgv: ['--expose-gc', `--max-old-space-size=${MAX_HEAP_MB}`],
      silent: true,
    });
    const server = new ServerUnderTest(process, process.port);
    server.serverId = (await server.report()).serverId;
    return server;
  }

  /** How the server ended and its last output. `undefined` while it runs. */
  get death(): string | undefined {
    return this.endedWith === undefined ? undefined : `ended with ${this.endedWith}.\n${this.output}`;
  }

  /** @throws if the server has exited or does not respond */
  async report(): Promise<ServerReport> {
    const { child, exited } = this.process;
    const reported = once(child, 'message', { signal: AbortSignal.timeout(REPORT_DEADLINE_MS) }).catch(() => {
      throw new Error(`Server ${this.serverId} hangs: no report within ${REPORT_DEADLINE_MS} ms.`);
    });
    this.order({ order: 'report' });
    const ended = exited.then(() => {
      throw new Error(`Server ${this.serverId} ${this.death ?? ''}`);
    });
    const [report] = (await Promise.race([reported, ended])) as [ServerReport];
    ended.catch(() => undefined);
    return report;
  }

  order(order: ServerOrder): void {
    // A send to a server that just exited may fail. `death` reports the exit.
    if (this.process.child.connected) this.process.child.send(order, () => undefined);
  }

  async kill(): Promise<void> {
    this.process.child.kill('SIGKILL');
    await this.process.exited;
  }
}

/** A handle to the idle control process. See control-process.ts. */
export class ControlProcess {
  private constructor(private readonly process: ServerProcess) {}

  static async start(): Promise<ControlProcess> {
    return new ControlProcess(await startServerProcess(compiledScript('control-process')));
  }

  async vitals(): Promise<Vitals> {
    const { child } = this.process;
    const reported = once(child, 'message') as Promise<[Vitals]>;
    child.send('report');
    return (await reported)[0];
  }

  async kill(): Promise<void> {
    this.process.child.kill('SIGKILL');
    await this.process.exited;
  }
}
