import { freePorts } from '../../test/support/free-ports.js';
import { type AcquiredRedis, acquireRedis } from '../../test/support/redis-server.js';
import { WsClient } from '../../test/support/ws-client.js';
import { startServerProcess } from './server-process.js';

export interface StageServer {
  readonly name: string;
  readonly port: number;
  readonly stop: () => Promise<void>;
}

/** A Redis, server processes and clients of a sample that plays by itself and ends. */
export class Stage {
  private readonly closings: (() => unknown)[] = [];

  private constructor(private readonly redis: Pick<AcquiredRedis, 'url' | 'stop'>) {
    this.closings.push(redis.stop);
  }

  static async play(play: (stage: Stage) => Promise<void>, redis?: Stage['redis']): Promise<void> {
    const stage = new Stage(redis ?? (await acquireRedis()));
    try {
      await play(stage);
    } finally {
      for (const close of stage.closings.reverse()) await close();
    }
  }

  /** For the processes of the sample. */
  get environment(): { REDIS_URL: string } {
    return { REDIS_URL: this.redis.url };
  }

  /** Runs the sample's `main.js`. */
  async server(name: string, script: URL, env: NodeJS.ProcessEnv = {}): Promise<StageServer> {
    const [port = 0] = await freePorts([undefined]);
    const { stop } = await startServerProcess(name, script, { ...this.environment, ...env, PORT: `${port}` });
    this.closings.push(stop);
    return { name, port, stop };
  }

  async client(
    { port }: StageServer,
    path: string,
    options?: Parameters<typeof WsClient.open>[1],
  ): Promise<WsClient> {
    const client = await WsClient.open(`ws://127.0.0.1:${port}${path}`, options);
    this.closings.push(() => client.socket.terminate());
    return client;
  }
}
