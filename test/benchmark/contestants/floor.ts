import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { Redis } from 'ioredis';
import { type WebSocket, WebSocketServer } from 'ws';
import { EVENT, type MessageData } from '../message.js';
import { Connected, type ContestantServer, indexOf, type ServerPlan } from './contestant.js';

const CHANNEL = 'floor';
const URL_PATH = '/floor';
const FIN_TEXT = 0x81;

/** The least that servers can do: JSON, a frame, one publish and one write per socket for all messages of a turn of the loop. */
export async function startFloor(plan: ServerPlan): Promise<ContestantServer> {
  const connected = new Connected();
  const publisher = new TurnPublisher(new Redis(plan.redisUrl));
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await Promise.all([once(server, 'listening'), forward(new Redis(plan.redisUrl), server)]);
  server.on('connection', (socket, request) => {
    socket.on('message', () => undefined);
    if (plan.greets) connected.add(indexOf(request.url), '');
  });
  return {
    port: (server.address() as AddressInfo).port,
    urlPath: URL_PATH,
    emit: { all: (_target, data) => publisher.publish(frameOf(data)), group: toNobody, connection: toNobody },
    connected: (count) => connected.until(count),
    join: toNobody,
    leave: toNobody,
  };
}

/** Publishes all frames of a turn at once. */
class TurnPublisher {
  private frames: Buffer[] = [];
  private published: Promise<unknown> = Promise.resolve();

  constructor(private readonly redis: Redis) {}

  publish(frame: Buffer): Promise<unknown> {
    if (this.frames.push(frame) === 1)
      this.published = new Promise((resolve) => process.nextTick(() => resolve(this.flush())));
    return this.published;
  }

  private flush(): Promise<number> {
    const { frames } = this;
    this.frames = [];
    return this.redis.publish(CHANNEL, Buffer.concat(frames));
  }
}

/** Writes what comes from Redis to every TCP socket, once for all messages of a turn. */
async function forward(redis: Redis, server: WebSocketServer): Promise<void> {
  let pending: Buffer[] = [];
  redis.on('messageBuffer', (_channel: Buffer, frames: Buffer) => {
    // A copy: the bytes are a view of what ioredis reads into.
    if (pending.push(Buffer.from(frames)) > 1) return;
    setImmediate(() => {
      const bytes = Buffer.concat(pending);
      pending = [];
      for (const socket of server.clients) rawSocket(socket).write(bytes);
    });
  });
  await redis.subscribe(CHANNEL);
}

/** A server's frame: not masked, and the same for all sockets. */
function frameOf(data: MessageData): Buffer {
  const payload = JSON.stringify({ event: EVENT, data });
  const size = Buffer.byteLength(payload);
  const header =
    size < 126 ? Buffer.from([FIN_TEXT, size]) : Buffer.from([FIN_TEXT, 126, size >> 8, size & 0xff]);
  return Buffer.concat([header, Buffer.from(payload)]);
}

function rawSocket(socket: WebSocket): Socket {
  return (socket as unknown as { readonly _socket: Socket })._socket;
}

function toNobody(): never {
  throw new Error('The floor knows no groups and no connections.');
}
