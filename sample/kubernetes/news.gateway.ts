import { MessageBody, SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { Broadcaster } from 'nestjs-redis-backplane';

@WebSocketGateway({ path: '/news' })
export class NewsGateway {
  @WebSocketServer() private readonly server!: Broadcaster<{ reported: string }>;

  @SubscribeMessage('report')
  report(@MessageBody() text: string) {
    return this.server.emit('reported', text);
  }
}
