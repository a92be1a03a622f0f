import { JwtService } from '@nestjs/jwt';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  WsException,
} from '@nestjs/websockets';
import { BackplaneConnection, Broadcaster } from 'nestjs-redis-backplane';
import type { TokenPayload } from './token.js';

@WebSocketGateway({ path: '/notes' })
export class NotesGateway {
  @WebSocketServer() private readonly server!: Broadcaster;

  constructor(private readonly jwt: JwtService) {}

  /** To all connections of a user, on all servers. Who wrote it is known, and not what the client says. */
  @SubscribeMessage('note')
  note(
    @ConnectedSocket() client: BackplaneConnection,
    @MessageBody() { to, text }: { to: string; text: string },
  ) {
    return this.server.user(to).emit('noted', { from: client.userId, text });
  }

  /** A new token keeps the connection open beyond the end of the old one. */
  @SubscribeMessage('renew')
  async renew(@ConnectedSocket() client: BackplaneConnection, @MessageBody() token: string) {
    const { sub, exp } = await this.jwt.verifyAsync<TokenPayload>(token).catch(() => {
      throw new WsException('The token is not valid.');
    });
    if (sub !== client.userId) throw new WsException('The token is not yours.');
    client.renew(new Date(exp * 1000));
    return { event: 'renewed', data: exp };
  }
}
