import { spawn } from 'node:child_process';

/**
 * A script that runs between this process and the one it starts. Its IPC channel closes however this process ends,
 * even by SIGKILL. Then it kills the started process and removes its working folder.
 * It is a string because Node cannot run TypeScript files and the tests are not compiled.
 */
const GUARD = `
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM']) process.on(signal, () => {});

process.once('message', ({ command, args, env, files = {} }) => {
  if (!process.connected) return;
  const cwd = mkdtempSync(join(tmpdir(), 'guarded-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'] });
  const report = (message) => process.send(message, () => {});
  child.once('spawn', () => report(child.pid));
  child.once('error', (error) => report(error.message));
  child.once('close', () => {
    rmSync(cwd, { recursive: true, force: true });
    if (process.connected) process.disconnect();
  });
  const kill = () => child.kill('SIGKILL');
  process.once('disconnect', kill);
  process.once('message', kill);
});
`;

const KEPT_OUTPUT = 4_000;

export interface GuardedCommand {
  command: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  /** Files to create in its working folder: texts by name. */
  files?: Readonly<Record<string, string>>;
}

export interface GuardedProcess {
  readonly pid: number;
  /** Resolves once the process has exited and its working folder is removed. */
  readonly exited: Promise<void>;
  isRunning(): boolean;
  /** The last part of its output. */
  output(): string;
  onOutput(listener: () => void): void;
  /** Sends SIGKILL. Resolves like `exited`. */
  kill(): Promise<void>;
}

/** Starts a process that never outlives this one. It runs in its own temporary folder. */
export async function startGuarded(command: GuardedCommand): Promise<GuardedProcess> {
  const guard = spawn(process.execPath, ['--input-type=module', '-e', GUARD], {
    // A separate process group, because Ctrl-C must not end the server before its clients.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // The guard must not inherit this process's options, such as an inspector port.
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  let output = '';
  for (const stream of [guard.stdout, guard.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-KEPT_OUTPUT)));
  }
  let running = true;
  const exited = new Promise<void>((resolve) => guard.once('close', () => resolve())).then(() => {
    running = false;
  });
  const pid = await new Promise<number>((resolve, reject) => {
    guard.once('error', reject);
    guard.once('close', () =>
      reject(
        new Error(`The guard process exited before it started ${command.command}. Its output:\n${output}`),
      ),
    );
    guard.once('message', (reply: unknown) => {
      if (typeof reply === 'number') resolve(reply);
      else reject(new Error(`Could not start ${command.command}: ${String(reply)}`));
    });
    guard.send(command);
  });
  return {
    pid,
    exited,
    isRunning: () => running,
    output: () => output,
    onOutput: (listener) => [guard.stdout, guard.stderr].forEach((stream) => stream?.on('data', listener)),
    kill: () => {
      // Not disconnect(), because after it Node never emits 'close' for the guard's output.
      if (guard.connected) guard.send('kill', () => undefined);
      return exited;
    },
  };
}
