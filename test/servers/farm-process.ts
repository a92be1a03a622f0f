import { type ServerProcess, startServerProcess } from './server-process.js';

/** A server in its own process, which never outlives this one. */
export interface FarmProcess {
  readonly port: number;
  /** Closes the app. Resolves with the exit code, or with null if the process did not exit by itself and was killed. */
  stop(): Promise<number | null>;
}

const STOP_DEADLINE_MS = 10_000;

/** @param script the path of the compiled server */
export async function startFarmProcess(
  script: string,
  connection: string,
  prefix: string,
): Promise<FarmProcess> {
  const server = await startServerProcess(script, { connection, prefix });
  return { port: server.port, stop: () => stop(server) };
}

async function stop({ child, exited }: ServerProcess): Promise<number | null> {
  const deadline = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
  if (child.connected) child.send('stop');
  const [code] = await exited;
  clearTimeout(deadline);
  return code;
}
