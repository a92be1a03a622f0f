import { type CanActivate, ForbiddenException, ParseIntPipe, UseGuards } from '@nestjs/common';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { throwError } from 'rxjs';
import type { WsClient } from './ws-client.js';

/** What the handlers throw: set by the test. */
export const throwing: { error: unknown } = { error: undefined };

class Forbids implements CanActivate {
  canActivate(): boolean {
    throw new ForbiddenException('members only');
  }
}

export class ThrowingHandlers {
  @SubscribeMessage('throw')
  throw(): never {
    throw throwing.error;
  }

  @SubscribeMessage('reject')
  reject(): Promise<never> {
    return Promise.resolve().then(() => this.throw());
  }

  @SubscribeMessage('stream')
  stream() {
    return throwError(() => throwing.error);
  }

  @UseGuards(Forbids)
  @SubscribeMessage('guarded')
  guarded(): void {}

  @SubscribeMessage('piped')
  piped(@MessageBody(ParseIntPipe) data: number) {
    return data;
  }
}

@WebSocketGateway({ path: '/chat' })
export class ThrowingGateway extends ThrowingHandlers {}

/** What the client is told when the handler fails. */
export async function failure(client: WsClient, event: string, data?: unknown): Promise<unknown> {
  client.send(event, data);
  return (await client.next('exception')).data;
}

/** What a client is told of a bug. */
export const BUG = { status: 'error', message: 'Internal server error' };
