import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

/** Accepts connections where a Redis was, and answers every command that it is loading. */
export class LoadingRedis {
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {
    server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('data', (bytes: Buffer) => {
        // A command is an array, and no argument of a client's first commands begins so.
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
