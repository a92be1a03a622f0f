import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WsException,
} from '@nestjs/websockets';
import { BackplaneConnection, Broadcaster } from 'nestjs-redis-backplane';

@WebSocketGateway({ path: '/score' })
export class ScoreGateway {
  /** Injected, so that a unit test can pass a fake. `@WebSocketServer()` would give the same, but only in an app. */
  constructor(private readonly broadcaster: Broadcaster) {}

  @SubscribeMessage('watch')
  async watch(@ConnectedSocket() client: BackplaneConnection, @MessageBody() match: string) {
    await client.join(match);
    return { event: 'watching', data: match };
  }

  @SubscribeMessage('goal')
  goal(@MessageBody() { match, team }: { match: string; team: unknown }) {
    if (typeof team !== 'string') throw new WsException('The team must be a string.');
    return this.broadcaster.group(match).emit('scored', { team });
  }
}
