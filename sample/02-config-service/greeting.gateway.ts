import { MessageBody, SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { Broadcaster } from 'nestjs-redis-backplane';

@WebSocketGateway({ path: '/greetings' })
export class GreetingGateway {
  @WebSocketServer() private readonly server!: Broadcaster;

  @SubscribeMessage('greet')
  greet(@MessageBody() words: string) {
    return this.server.emit('greeted', words);
  }
}
