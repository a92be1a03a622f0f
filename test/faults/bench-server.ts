import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Notice, Order, ServerFacts, ServerSettings } from './messages.js';

const SCRIPT = fileURLToPath(
  // Vitest runs this file uncompiled, but the server process always runs compiled.
  new URL(
    import.meta.url.endsWith('.ts') ? '../../.build/test/faults/fault-server.js' : 'fault-server.js',
    import.meta.url,
  ),
);

/** A handle to a server process. */
export class BenchServer {
  port = 0;
  serverId = '';
  /** Whether its exit is part of the fault. */
  mayExit = false;
  readonly facts: ServerFacts[] = [];
  readonly exited: Promise<void>;
  private readonly listeners = new Set<(notice: Notice) => void>();
  private output = '';
  private readonly child: ChildProcess;
  /** Created in the constructor because the server may be ready before `listening` is called. */
  private readonly ready: Promise<Extract<Notice, { notice: 'listening' }>>;

  constructor(readonly settings: ServerSettings) {
    this.child = fork(SCRIPT, [], {
      // Messages may contain Infinity, which JSON cannot represent.
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
    // Nobody calls `listening` on a server that is expected to fail at startup.
    this.ready.catch(() => undefined);
  }

  get hasExited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Whether it exited although no fault caused the exit. */
  get hasFailed(): boolean {
    return this.hasExited && !this.mayExit;
  }

  /** The exit code or the signal that ended the process. */
  get endedWith(): number | string | null {
    return this.child.exitCode ?? this.child.signalCode;
  }

  get exitCode(): number | null {
    return this.child.exitCode;
  }

  /** What it wrote to stderr. */
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

  /** Resolves with the next matching notice. Rejects if the process exits first. */
  next<N extends Notice>(isIt: (notice: Notice) => notice is N): Promise<N> {
    return new Promise((resolve, reject) => {
      const listener = (notice: Notice): void => {
        if (!isIt(notice)) return;
        this.listeners.delete(listener);
        resolve(notice);
      };
      this.listeners.add(listener);
      void this.exited.then(() => reject(new Error(`Server ${this.settings.index} exited.\n${this.errors}`)));
    });
  }

  /** Makes the server emit `count` messages to all at once. Resolves with each outcome or error name. */
  async burst(count: number, bytes: number): Promise<readonly string[]> {
    const done = this.next((notice) => notice.notice === 'burst');
    this.order({ order: 'burst', count, bytes });
    return (await done).ends;
  }

  /** Resolves once the server has sent all its facts or has exited. */
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
