import { setTimeout as delay } from 'node:timers/promises';
import { ParseIntPipe } from '@nestjs/common';
import {
  ConnectedSocket,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  WsException,
} from '@nestjs/websockets';
import { Arg, BackplaneConnection, Broadcaster, CancelSignal, UploadStream } from 'nestjs-redis-backplane';

/** What the server sends to its clients, by event. */
export interface RoomEvents {
  RoomMessage: [room: string, from: string, text: string, priority: number];
  DirectMessage: [from: string, text: string];
  Notice: [from: string, text: string];
  Confirm: string;
}

/** What `authenticate` found out about a client. */
export interface Visitor {
  readonly userId: string;
  /** The name of the server that it is connected to. */
  readonly server: string;
}

type Client = BackplaneConnection<Visitor, RoomEvents>;

/** Serves the application in signalr-application.ts, in place of an ASP.NET Core hub. */
@WebSocketGateway({ path: '/rooms' })
export class RoomGateway {
  @WebSocketServer() private readonly server!: Broadcaster<RoomEvents>;
  private runningCounters = 0;

  @SubscribeMessage('Where')
  where(@ConnectedSocket() { data }: Client): string {
    return data.server;
  }

  @SubscribeMessage('JoinRoom')
  joinRoom(@ConnectedSocket() client: Client, @Arg(0) room: string): Promise<void> {
    return client.join(room);
  }

  @SubscribeMessage('LeaveRoom')
  leaveRoom(@ConnectedSocket() client: Client, @Arg(0) room: string): Promise<void> {
    return client.leave(room);
  }

  @SubscribeMessage('SendToRoom')
  async sendToRoom(
    @ConnectedSocket() client: Client,
    @Arg(0) room: string,
    @Arg(1) text: string,
    @Arg(2, ParseIntPipe) priority: number,
  ): Promise<void> {
    if (!client.groups.has(room)) throw new WsException(`You are not in the room ${room}.`);
    await this.server.group(room).send('RoomMessage', room, client.data.userId, text, priority);
  }

  @SubscribeMessage('SendToUser')
  async sendToUser(@ConnectedSocket() { data }: Client, @Arg(0) userId: string, @Arg(1) text: string) {
    await this.server.user(userId).send('DirectMessage', data.userId, text);
  }

  @SubscribeMessage('Others')
  async others(@ConnectedSocket() { id, data }: Client, @Arg(0) text: string): Promise<void> {
    await this.server.except(id).send('Notice', data.userId, text);
  }

  @SubscribeMessage('Counter')
  async *counter(
    @Arg(0, ParseIntPipe) count: number,
    @Arg(1, ParseIntPipe) delayMs: number,
    @CancelSignal() signal: AbortSignal,
  ) {
    this.runningCounters++;
    try {
      for (let number = 0; number < count; number++) {
        yield number;
        await delay(delayMs, undefined, { signal });
      }
    } finally {
      this.runningCounters--;
    }
  }

  /** How many counters run on the client's server. */
  @SubscribeMessage('RunningCounters')
  countRunning(): number {
    return this.runningCounters;
  }

  @SubscribeMessage('UploadReadings')
  async uploadReadings(
    @ConnectedSocket() { data }: Client,
    @UploadStream() readings: AsyncIterable<number>,
  ): Promise<number> {
    let sum = 0;
    for await (const reading of readings) sum += reading;
    await this.server.all.send('Notice', data.userId, `The readings add up to ${sum}.`);
    return sum;
  }

  /** Asks a client on any server. */
  @SubscribeMessage('Ask')
  ask(@Arg(0) connectionId: string, @Arg(1) question: string): Promise<boolean> {
    return this.server.connection(connectionId).invoke('Confirm', question, {
      parse: (answer) => answer === true,
    });
  }
}
