import { setTimeout } from 'node:timers/promises';
import { ParseIntPipe } from '@nestjs/common';
import {
  ConnectedSocket,
  type OnGatewayConnection,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { Arg, BackplaneConnection, Broadcaster, CancelSignal, UploadStream } from 'nestjs-redis-backplane';
import type { LobbyEvents } from './lobby.events.js';

const GROUP = 'lobby';
const COUNT_INTERVAL_MS = 200;
/** A person has to read the question. */
const CONFIRM_TIMEOUT_MS = 60_000;

/** SignalR clients and plain clients call the same handlers and are in the same group. */
@WebSocketGateway({ path: '/lobby' })
export class LobbyGateway implements OnGatewayConnection {
  @WebSocketServer() private readonly server!: Broadcaster<LobbyEvents>;

  /** A client that reconnects has a new connection, so it joins again. */
  handleConnection(client: BackplaneConnection): Promise<void> {
    return client.join(GROUP);
  }

  @SubscribeMessage('Where')
  where(): string {
    return process.env.SERVER_NAME ?? 'Server';
  }

  @SubscribeMessage('Say')
  say(@ConnectedSocket() client: BackplaneConnection, @Arg(0) name: string, @Arg(1) text: string) {
    return this.server.group(GROUP).send('Said', client.id, name, text);
  }

  /** A stream for the client. It ends early if the client cancels it. */
  @SubscribeMessage('Count')
  async *count(@Arg(0, ParseIntPipe) last: number, @CancelSignal() signal: AbortSignal) {
    for (let number = 1; number <= last; number++) {
      yield number;
      await setTimeout(COUNT_INTERVAL_MS, undefined, { signal });
    }
  }

  /** A stream from the client. */
  @SubscribeMessage('CountWords')
  async countWords(@UploadStream() lines: AsyncIterable<string>): Promise<number> {
    let words = 0;
    for await (const line of lines) words += line.match(/\S+/g)?.length ?? 0;
    return words;
  }

  /** Calls a client on any server and returns its answer. */
  @SubscribeMessage('Ask')
  ask(@Arg(0) id: string, @Arg(1) question: string): Promise<boolean> {
    return this.server.connection(id).invoke('Confirm', question, {
      timeout: CONFIRM_TIMEOUT_MS,
      parse: (answer) => answer === true,
    });
  }
}
