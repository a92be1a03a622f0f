import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Notice, Order, ServerFacts, ServerSettings } from './messages.js';

const SCRIPT = fileURLToPath(
  // Run by vitest this file is not compiled, but the server always is.
  new URL(
    import.meta.url.endsWith('.ts') ? '../../.build/test/faults/fault-server.js' : 'fault-server.js',
    import.meta.url,
  ),
);

/** A server's process. */
export class BenchServer {
  port = 0;
  serverId = '';
  /** That it ends is part of the fault. */
  mayExit = false;
  readonly facts: ServerFacts[] = [];
  readonly exited: Promise<void>;
  private readonly listeners = new Set<(notice: Notice) => void>();
  private output = '';
  private readonly child: ChildProcess;
  /** Heard from the beginning: it may be ready before anybody asks. */
  private readonly ready: Promise<Extract<Notice, { notice: 'listening' }>>;

  constructor(readonly settings: ServerSettings) {
    this.child = fork(SCRIPT, [], {
      // Numbers may be infinite, which JSON does not know.
      serialization: 'advanced',
      env: { ...process.env, NODE_OPTIONS: '', FAULT_SERVER: JSON.stringify(settings) },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    this.exited = new Promise((resolve) => this.child.once('exit', () => resolve()));
    this.child.on('message', (notice: Notice) => {
      if (notice.notice === 'facts') this.facts.push(notice.facts);
      for (const listener of [...this.listeners]) listener(notice);
    });
    this.ready = this.next((notice) => notice.notice === 'listening');
    // One whose start shall fail is not asked.
    this.ready.catch(() => undefined);
  }

  get hasExited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Ended though nobody wanted it to. */
  get hasFailed(): boolean {
    return this.hasExited && !this.mayExit;
  }

  /** The code or the signal that it ended with. */
  get endedWith(): number | string | null {
    return this.child.exitCode ?? this.child.signalCode;
  }

  get exitCode(): number | null {
    return this.child.exitCode;
  }

  /** What it wrote to the standard error. */
  get errors(): string {
    return this.output;
  }

  async listening(): Promise<this> {
    const { port, serverId } = await this.ready;
    this.port = port;
    this.serverId = serverId;
    return this;
  }

  order(order: Order): void {
    if (this.child.connected) this.child.send(order);
  }

  /** The next notice that is such a one; fails when the process ends before. */
  next<N extends Notice>(isIt: (notice: Notice) => notice is N): Promise<N> {
    return new Promise((resolve, reject) => {
      const listener = (notice: Notice): void => {
        if (!isIt(notice)) return;
        this.listeners.delete(listener);
        resolve(notice);
      };
      this.listeners.add(listener);
      void this.exited.then(() => reject(new Error(`Server ${this.settings.index} ended.\n${this.errors}`)));
    });
  }

  /** Emits a message to all so often at once. Resolves with what became of each: its outcome, or the error's name. */
  async burst(count: number, bytes: number): Promise<readonly string[]> {
    const done = this.next((notice) => notice.notice === 'burst');
    this.order({ order: 'burst', count, bytes });
    return (await done).ends;
  }

  /** Resolves when it has told all that it has seen, or has ended. */
  async tell(): Promise<void> {
    if (this.hasExited) return;
    const told = this.next((notice): notice is Notice => notice.notice === 'facts' && notice.answer);
    this.order({ order: 'tell' });
    await Promise.race([told.catch(() => undefined), this.exited]);
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL' | 'SIGTERM'): void {
    this.child.kill(signal);
  }

  async end(): Promise<void> {
    if (this.hasExited) return;
    this.mayExit = true;
    this.child.kill('SIGKILL');
    await this.exited;
  }
}
