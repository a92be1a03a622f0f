import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** A server of a farm in a process of its own, which does not outlive this one. */
export interface FarmProcess {
  readonly port: number;
  /** Closes the app. Resolves with the exit code once the process has ended by itself, and with null when it had to be killed. */
  stop(): Promise<number | null>;
}

const STOP_DEADLINE_MS = 10_000;

/**
 * @param script the compiled farm-server
 */
export async function startFarmProcess(
  script: string,
  connection: string,
  prefix: string,
): Promise<FarmProcess> {
  const child = fork(script, [], {
    env: { ...process.env, NODE_OPTIONS: '', FARM_CONNECTION: connection, FARM_PREFIX: prefix },
    execArgv: [],
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { port: await portOf(child), stop: () => stop(child, exited) };
}

async function portOf(child: ChildProcess): Promise<number> {
  const early = once(child, 'exit').then(([code]) => {
    throw new Error(`The server ended with ${String(code)} before it listened.`);
  });
  const [port] = (await Promise.race([once(child, 'message'), early])) as [number];
  early.catch(() => undefined);
  return port;
}

async function stop(child: ChildProcess, exited: Promise<number | null>): Promise<number | null> {
  const deadline = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
  if (child.connected) child.send('stop');
  const code = await exited;
  clearTimeout(deadline);
  return code;
}
