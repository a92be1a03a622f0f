import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

export interface ServerProcess {
  readonly pid: number | undefined;
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Runs a script as `node main.js` would, but not longer than this process runs. */
export function startProcess(
  script: URL,
  env: NodeJS.ProcessEnv,
  stdio: 'inherit' | 'pipe' = 'inherit',
): ChildProcess {
  return fork(script, {
    env: { ...process.env, ...env },
    execArgv: ['--import', new URL('./end-with-parent.js', import.meta.url).href],
    stdio: [stdio, stdio, stdio, 'ipc'],
  });
}

/** @throws Error (as a rejection) when it ends before it says that it is ready */
export async function startServerProcess(
  name: string,
  script: URL,
  env: NodeJS.ProcessEnv,
): Promise<ServerProcess> {
  const child = startProcess(script, env);
  const ended = once(child, 'exit').then(() => undefined);
  const failed = ended.then(() => {
    throw new Error(`The server ${name} ended before it was ready.`);
  });
  await Promise.race([once(child, 'message'), failed]);
  failed.catch(() => undefined);
  return {
    pid: child.pid,
    ended,
    stop: () => {
      if (child.connected) child.disconnect();
      return ended;
    },
  };
}
