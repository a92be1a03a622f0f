import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

/** Takes the place of a stopped Redis and replies to every command that it is loading its dataset. */
export class LoadingRedis {
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {
    server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('data', (bytes: Buffer) => {
        // Count commands by their array headers. No argument of a client's first commands looks like one.
        const commands = bytes.toString('latin1').split(/^\*\d+\r\n/m).length - 1;
        socket.write('-LOADING Redis is loading the dataset in memory\r\n'.repeat(commands));
      });
    });
  }

  static async open(port: number): Promise<LoadingRedis> {
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    return new LoadingRedis(server);
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }
}
