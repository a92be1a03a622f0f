import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

export interface ServerProcess {
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>;
  readonly stop: () => Promise<void>;
}

const script = (name: string) => new URL(name, import.meta.url);

/** Runs `main.js`, as `node main.js` would, but not longer than this process runs. */
export async function startServerProcess(name: string, env: NodeJS.ProcessEnv): Promise<ServerProcess> {
  const child: ChildProcess = fork(script('./main.js'), {
    env: { ...process.env, ...env },
    execArgv: ['--import', script('./end-with-parent.js').href],
  });
  const ended = once(child, 'exit').then(() => undefined);
  const failed = ended.then(() => {
    throw new Error(`The server ${name} ended before it was ready.`);
  });
  await Promise.race([once(child, 'message'), failed]);
  failed.catch(() => undefined);
  return {
    ended,
    stop: () => {
      if (child.connected) child.disconnect();
      return ended;
    },
  };
}
