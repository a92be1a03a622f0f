import { setTimeout as delay } from 'node:timers/promises';
import {
  type CallHandler,
  type ExecutionContext,
  ForbiddenException,
  type NestInterceptor,
  UseFilters,
  UseInterceptors,
} from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  WsException,
} from '@nestjs/websockets';
import { BackplaneConnection, BackplaneExceptionFilter, Broadcaster } from 'nestjs-redis-backplane';
import { concat, map, NEVER, type Observable, of, range, throwError } from 'rxjs';
import { plant } from './planted-defects.js';
import { Ack } from '../support/nest-release.js';

const INVOKE = { timeout: 300 };
const MAX_LARGE = 300_000;

class PassThrough implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((value: unknown) => value));
  }
}

/** A value that JSON or MessagePack cannot represent, or that throws when it is read. */
function unserialisable(which: unknown): unknown {
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const values: unknown[] = [
    1n,
    circular,
    () => 1,
    Symbol('s'),
    {
      toJSON: () => {
        throw new Error('toJSON throws');
      },
    },
    {
      get data(): unknown {
        throw new Error('a getter throws');
      },
    },
    new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('a proxy throws');
        },
      },
    ),
    { event: 'x', data: 2n ** 70n },
  ];
  return values[Number(which)];
}

/**
 * The gateway that the cases attack: one handler for each way in which a gateway may use the library. Like a careless
 * gateway it does not validate input, so the parameter types are not guaranteed.
 */
@UseFilters(BackplaneExceptionFilter)
@WebSocketGateway({ path: '/fuzz' })
export class FuzzGateway {
  @WebSocketServer() private readonly server!: Broadcaster;

  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown) {
    return { event: 'echo', data };
  }

  @SubscribeMessage('value')
  value(@MessageBody() data: unknown) {
    return data;
  }

  @SubscribeMessage('who')
  who(@ConnectedSocket() { id }: BackplaneConnection) {
    return { event: 'who', data: id };
  }

  @SubscribeMessage('numbers')
  numbers(@MessageBody() count: unknown) {
    return range(0, Math.min(Number(count) || 0, 100)).pipe(map((data) => ({ event: 'number', data })));
  }

  @SubscribeMessage('endless')
  endless(@MessageBody() data: unknown) {
    return concat(of({ event: 'first', data }), NEVER);
  }

  @SubscribeMessage('stream-error')
  streamError() {
    return concat(
      of({ event: 'number', data: 1 }),
      throwError(() => new WsException('the stream fails')),
    );
  }

  @UseInterceptors(PassThrough)
  @SubscribeMessage('intercepted')
  intercepted(@MessageBody() data: unknown) {
    return { event: 'intercepted', data };
  }

  @UseInterceptors(PassThrough)
  @SubscribeMessage('intercepted-stream')
  interceptedStream(@MessageBody() count: unknown) {
    return this.numbers(count);
  }

  @SubscribeMessage('ack')
  ack(@MessageBody() data: unknown, @Ack() reply: (data: unknown) => void) {
    reply(data);
    reply(data);
  }

  @SubscribeMessage('slow')
  async slow(@MessageBody() ms: unknown) {
    await delay(Math.min(Math.abs(Number(ms)) || 0, 20));
    return { event: 'slow', data: ms };
  }

  @SubscribeMessage('throws')
  throws(@MessageBody() data: { readonly missing: { readonly deep: unknown } }) {
    plant(this.server);
    return data.missing.deep;
  }

  @SubscribeMessage('refuses')
  refuses(@MessageBody() data: object) {
    throw new WsException(data);
  }

  @SubscribeMessage('forbids')
  forbids() {
    throw new ForbiddenException();
  }

  @SubscribeMessage('join')
  async join(@ConnectedSocket() client: BackplaneConnection, @MessageBody() group: string) {
    await client.join(group);
    return { event: 'joined', data: group };
  }

  @SubscribeMessage('leave')
  leave(@ConnectedSocket() client: BackplaneConnection, @MessageBody() group: string) {
    return client.leave(group);
  }

  @SubscribeMessage('tell-group')
  tellGroup(@MessageBody() { group, data }: { group: string; data: unknown }) {
    return this.server.group(group).emit('told', data);
  }

  @SubscribeMessage('tell-nested')
  async tellNested(@MessageBody() depth: number) {
    let nested: unknown = 1;
    for (let level = 0; level < depth; level++) nested = [nested];
    await this.server.emit('told', ['deep-down', nested]);
  }

  @SubscribeMessage('tell-all')
  tellAll(@MessageBody() data: unknown) {
    return this.server.emit('told', data);
  }

  @SubscribeMessage('emit-back')
  emitBack(
    @ConnectedSocket() client: BackplaneConnection,
    @MessageBody() body: { event: string; data: unknown },
  ) {
    return client.emit(body.event, body.data);
  }

  @SubscribeMessage('ask-me')
  askMe(@ConnectedSocket() client: BackplaneConnection, @MessageBody() data: unknown) {
    return client.invoke('question', data, INVOKE);
  }

  @SubscribeMessage('ask-local')
  askLocal(@MessageBody() data: unknown) {
    return this.server.local.invokeAll('question', data, INVOKE);
  }

  @SubscribeMessage('large')
  large(@MessageBody() size: unknown) {
    return { event: 'large', data: 'x'.repeat(Math.min(Math.abs(Number(size)) || 0, MAX_LARGE)) };
  }

  @SubscribeMessage('unserialisable')
  unserialisable(@MessageBody() which: unknown) {
    return unserialisable(which);
  }

  @SubscribeMessage('close-me')
  closeMe(@ConnectedSocket() client: BackplaneConnection, @MessageBody() code: number) {
    client.close(code, 'requested by the client');
  }

  @SubscribeMessage('kick')
  kick(@ConnectedSocket() client: BackplaneConnection, @MessageBody() reason: string) {
    return this.server.connection(client.id).disconnect(4000, reason);
  }
}
