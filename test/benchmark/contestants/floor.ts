import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { Redis } from 'ioredis';
import { type WebSocket, WebSocketServer } from 'ws';
import { EVENT, type MessageData } from '../message.js';
import { Connected, type ContestantServer, groupsOf, indexOf, type ServerPlan } from './contestant.js';

const URL_PATH = '/floor';
const ALL = 'all';
const FIN_TEXT = 0x81;

/** The least work possible: JSON, a frame, and per event loop turn one publish per channel and one write per socket. */
export async function startFloor(plan: ServerPlan): Promise<ContestantServer> {
  const connected = new Connected();
  const publisher = new TurnPublisher(new Redis(plan.redisUrl));
  const members = new Members(new Redis(plan.redisUrl));
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await Promise.all([once(server, 'listening'), members.listen(ALL)]);
  server.on('connection', (socket, request) => {
    socket.on('message', () => undefined);
    void members.join(ALL, socket);
    if (!plan.greets) return;
    const id = `socket-${indexOf(request.url)}`;
    const joined = [id, ...groupsOf(indexOf(request.url), plan)].map((name) => members.join(name, socket));
    void Promise.all(joined).then(() => connected.add(indexOf(request.url), id));
  });
  const emit = (name: string, data: MessageData): void => publisher.publish(name, frameOf(data));
  return {
    port: (server.address() as AddressInfo).port,
    urlPath: URL_PATH,
    emit: { all: (_target, data) => emit(ALL, data), group: emit, connection: emit },
    connected: (count) => connected.until(count),
    join: (_id, group) => members.listen(group),
    leave: (_id, group) => members.forget(group),
  };
}

/** Publishes all frames of an event loop turn at once. */
class TurnPublisher {
  private readonly frames = new Map<string, Buffer[]>();

  constructor(private readonly redis: Redis) {}

  publish(channel: string, frame: Buffer): void {
    const waiting = this.frames.get(channel);
    if (waiting) return void waiting.push(frame);
    if (this.frames.size === 0) process.nextTick(() => this.flush());
    this.frames.set(channel, [frame]);
  }

  private flush(): void {
    this.redis.stream.cork();
    for (const [channel, frames] of this.frames) void this.redis.publish(channel, Buffer.concat(frames));
    this.redis.stream.uncork();
    this.frames.clear();
  }
}

/** The sockets of each channel. Writes to each socket once per event loop turn. */
class Members {
  private readonly sockets = new Map<string, Set<WebSocket>>();
  private readonly pending = new Map<string, Buffer[]>();

  constructor(private readonly redis: Redis) {
    redis.on('messageBuffer', (channel: Buffer, frames: Buffer) => {
      // Copy the bytes because they are a view of ioredis's read buffer.
      this.deliver(channel.toString('latin1'), Buffer.from(frames));
    });
  }

  listen(channel: string): Promise<unknown> {
    return this.redis.subscribe(channel);
  }

  forget(channel: string): Promise<unknown> {
    return this.redis.unsubscribe(channel);
  }

  async join(channel: string, socket: WebSocket): Promise<void> {
    const known = this.sockets.get(channel);
    if (known) return void known.add(socket);
    this.sockets.set(channel, new Set([socket]));
    await this.listen(channel);
  }

  private deliver(channel: string, frames: Buffer): void {
    const waiting = this.pending.get(channel);
    if (waiting) return void waiting.push(frames);
    if (this.pending.size === 0) setImmediate(() => this.flush());
    this.pending.set(channel, [frames]);
  }

  private flush(): void {
    for (const [channel, frames] of this.pending) {
      const bytes = Buffer.concat(frames);
      for (const socket of this.sockets.get(channel) ?? []) rawSocket(socket).write(bytes);
    }
    this.pending.clear();
  }
}

/** A server's frame. It has no mask, so it is the same for all sockets. */
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
