import { ParseIntPipe, UseGuards, type CanActivate } from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  type OnGatewayConnection,
  type OnGatewayDisconnect,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  WsException,
} from '@nestjs/websockets';
import { concat, interval, map, NEVER, type Observable, of, range, throwError } from 'rxjs';
import { Arg, Args, CancelSignal, UploadStream } from '../../lib/adapter/handler-parameters.js';
import { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { Broadcaster } from '../../lib/broadcast/broadcaster.js';
import { Ack } from './nest-release.js';

class Nobody implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

/** A gateway that SignalR clients and plain clients use. */
@WebSocketGateway({ path: '/hub' })
export class HubGateway implements OnGatewayConnection, OnGatewayDisconnect {
  @WebSocketServer() readonly server!: Broadcaster;
  readonly connected: string[] = [];
  readonly disconnected: string[] = [];
  /** What happened to streams and calls, in order. */
  readonly log: string[] = [];

  handleConnection(client: BackplaneConnection): void {
    this.connected.push(client.id);
  }

  handleDisconnect(client: BackplaneConnection): void {
    this.disconnected.push(client.id);
  }

  @SubscribeMessage('Id')
  id(@ConnectedSocket() client: BackplaneConnection): { id: string; userId: string | undefined } {
    return { id: client.id, userId: client.userId };
  }

  @SubscribeMessage('Echo')
  echo(@MessageBody() data: unknown): unknown {
    return data;
  }

  @SubscribeMessage('Add')
  add(@Arg(0, ParseIntPipe) a: number, @Arg(1, ParseIntPipe) b: number): number {
    return a + b;
  }

  @SubscribeMessage('Count')
  count(@Args() args: unknown[]): number {
    return args.length;
  }

  @SubscribeMessage('Nothing')
  nothing(): void {}

  @SubscribeMessage('Join')
  join(@ConnectedSocket() client: BackplaneConnection, @Arg(0) group: string): Promise<void> {
    return client.join(group);
  }

  @SubscribeMessage('SendToGroup')
  async sendToGroup(@Arg(0) group: string, @Arg(1) text: string): Promise<void> {
    await this.server.group(group).emit('Said', text);
  }

  @SubscribeMessage('Fail')
  fail(@Arg(0) text: string): void {
    throw new WsException(text);
  }

  @SubscribeMessage('Crash')
  crash(): void {
    throw new Error('secret');
  }

  @UseGuards(Nobody)
  @SubscribeMessage('Forbidden')
  forbidden(): void {}

  @SubscribeMessage('Acknowledge')
  acknowledge(@Arg(0) text: string, @Ack() ack: (value: unknown) => void): void {
    ack(`got ${text}`);
  }

  @SubscribeMessage('Numbers')
  numbers(@Arg(0) count: number): Observable<number> {
    return range(1, count);
  }

  @SubscribeMessage('Lines')
  async *lines(@Arg(0) count: number): AsyncGenerator<string> {
    for (let line = 1; line <= count; line++) yield Promise.resolve(`line ${line}`);
  }

  @SubscribeMessage('Forever')
  async *forever(@CancelSignal() signal: AbortSignal): AsyncGenerator<number> {
    signal.addEventListener('abort', () => this.log.push('aborted'));
    try {
      for (let number = 0; ; number++) yield await new Promise((resolve) => setImmediate(resolve, number));
    } finally {
      this.log.push('forever ended');
    }
  }

  /** How far the last stream has counted. */
  counted = 0;

  @SubscribeMessage('Count to')
  async *countTo(@Arg(0) count: number): AsyncGenerator<string> {
    try {
      for (this.counted = 0; this.counted < count; this.counted++) {
        // Without a turn of the event loop for each item, as a source in memory.
        yield await Promise.resolve(`${'.'.repeat(100)} ${this.counted}`);
      }
    } finally {
      this.log.push('counting ended');
    }
  }

  @SubscribeMessage('Ticks')
  ticks(): Observable<number> {
    return interval(5).pipe(map((tick) => tick));
  }

  @SubscribeMessage('Silence')
  silence(): Observable<never> {
    return NEVER;
  }

  @SubscribeMessage('BrokenStream')
  brokenStream(): Observable<number> {
    return concat(
      of(1, 2),
      throwError(() => new WsException('out of numbers')),
    );
  }

  @SubscribeMessage('BrokenLines')
  async *brokenLines(): AsyncGenerator<number> {
    yield await Promise.resolve(1);
    throw new WsException('out of lines');
  }

  @SubscribeMessage('Sum')
  async sum(@UploadStream() numbers: AsyncIterable<number>, @Arg(0) start = 0): Promise<number> {
    let sum = start;
    for await (const number of numbers) sum += number;
    return sum;
  }

  @SubscribeMessage('Zip')
  async *zip(
    @UploadStream(0) a: AsyncIterable<string>,
    @UploadStream(1) b: AsyncIterable<string>,
  ): AsyncGenerator<string> {
    const others = b[Symbol.asyncIterator]();
    for await (const one of a) {
      const other = await others.next();
      yield `${one}${String(other.value)}`;
    }
  }

  @SubscribeMessage('Ignore')
  ignore(@UploadStream() items: AsyncIterable<unknown>): Promise<void> {
    this.log.push(`ignores ${typeof items}`);
    return new Promise((resolve) => (this.stopIgnoring = resolve));
  }

  stopIgnoring: () => void = () => undefined;

  @SubscribeMessage('Note')
  note(@Arg(0) text: string): string {
    this.log.push(text);
    return text;
  }

  @SubscribeMessage('Wait')
  async wait(@CancelSignal() signal: AbortSignal): Promise<void> {
    this.log.push('waits');
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    this.log.push('canceled');
  }

  @SubscribeMessage('Ask')
  async ask(@Arg(0) id: string, @Arg(1) question: string): Promise<unknown> {
    return this.server.connection(id).invoke('Question', question);
  }
}
