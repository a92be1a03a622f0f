import { type FarmProcess, startFarmProcess } from '../servers/farm-process.js';
import { CodecClient, type CodecName } from './codec-client.js';
import { compiledServer } from './compiled-server.js';
import type { TestFarm } from './test-farm.js';

/** Starts the compiled acceptance-server in its own process. It ends with the test. */
export async function startAcceptanceProcess(
  farm: TestFarm,
  connection: string,
  prefix: string,
): Promise<FarmProcess> {
  const server = await startFarmProcess(compiledServer('acceptance-server'), connection, prefix);
  farm.onEnd(() => server.stop());
  return server;
}

export async function openClient(
  farm: TestFarm,
  { port }: FarmProcess,
  codec: CodecName,
  user?: string,
): Promise<CodecClient> {
  const query = user === undefined ? '' : `?user=${encodeURIComponent(user)}`;
  const client = await CodecClient.open(`ws://127.0.0.1:${port}/farm${query}`, codec);
  farm.onEnd(() => client.socket.terminate());
  // The socket opens before the server has subscribed to the user's channel, but its messages are handled only after
  // that.
  await whoIs(client);
  return client;
}

/** Resolves with the client's connection id and the process that holds the connection. */
export async function whoIs(client: CodecClient): Promise<{ id: string; pid: number }> {
  return (await client.ask('who', undefined, 'who')).data as { id: string; pid: number };
}
