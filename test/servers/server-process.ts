import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** A server in a process of its own, which does not outlive this one: see serve.ts. */
export interface ServerProcess {
  readonly child: ChildProcess;
  readonly port: number;
  readonly exited: Promise<[code: number | null, signal: NodeJS.Signals | null]>;
}

export interface ServerProcessOptions {
  /** Where its Redis is. */
  readonly connection?: string;
  readonly prefix?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly args?: readonly string[];
  readonly execArgv?: string[];
  /** What it writes comes to `child.stdout` and `child.stderr` instead of the terminal. */
  readonly silent?: boolean;
}

/**
 * Resolves when the server listens.
 *
 * @param script the compiled server
 */
export async function startServerProcess(
  script: string,
  {
    connection = '',
    prefix = '',
    env = {},
    args = [],
    execArgv = [],
    silent = false,
  }: ServerProcessOptions = {},
): Promise<ServerProcess> {
  const child = fork(script, args, {
    // Options of this process, such as an inspector port, are not meant for the server.
    env: { ...process.env, NODE_OPTIONS: '', FARM_CONNECTION: connection, FARM_PREFIX: prefix, ...env },
    execArgv,
    silent,
  });
  const exited = once(child, 'exit') as ServerProcess['exited'];
  const early = exited.then(([code]) => {
    throw new Error(`The server ended with ${String(code)} before it listened.`);
  });
  const [port] = (await Promise.race([once(child, 'message'), early])) as [number];
  early.catch(() => undefined);
  return { child, port, exited };
}
