import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** A server in its own process, which never outlives this one. See serve.ts. */
export interface ServerProcess {
  readonly child: ChildProcess;
  readonly port: number;
  readonly exited: Promise<[code: number | null, signal: NodeJS.Signals | null]>;
}

export interface ServerProcessOptions {
  /** The connection string of its Redis. */
  readonly connection?: string;
  readonly prefix?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly args?: readonly string[];
  readonly execArgv?: string[];
  /** Sends its output to `child.stdout` and `child.stderr` instead of the terminal. */
  readonly silent?: boolean;
}

/**
 * Starts a server process. Resolves once it listens.
 *
 * @param script the path of the compiled server
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
    // The server must not inherit this process's options, such as an inspector port.
    env: { ...process.env, NODE_OPTIONS: '', FARM_CONNECTION: connection, FARM_PREFIX: prefix, ...env },
    execArgv,
    silent,
  });
  const exited = once(child, 'exit') as ServerProcess['exited'];
  const early = exited.then(([code]) => {
    throw new Error(`The server exited with ${String(code)} before it listened.`);
  });
  const [port] = (await Promise.race([once(child, 'message'), early])) as [number];
  early.catch(() => undefined);
  return { child, port, exited };
}
