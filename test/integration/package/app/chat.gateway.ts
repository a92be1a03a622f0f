import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { BackplaneConnection, Broadcaster } from 'nestjs-redis-backplane';

interface ChatEvents {
  said: { text: string };
}

@WebSocketGateway({ path: '/chat' })
export class ChatGateway {
  @WebSocketServer() private readonly server!: Broadcaster<ChatEvents>;

  @SubscribeMessage('join')
  async join(@ConnectedSocket() client: BackplaneConnection, @MessageBody() group: string) {
    await client.join(group);
    return { event: 'joined', data: group };
  }

  @SubscribeMessage('say')
  say(@MessageBody() { group, text }: { group: string; text: string }) {
    return this.server.group(group).emit('said', { text });
  }

  /** These lines must not compile. They would if the package's types were not found. */
  wrong(client: BackplaneConnection): string {
    // @ts-expect-error no such event
    void this.server.emit('shouted', {});
    // @ts-expect-error data of the wrong type
    void this.server.emit('said', { text: 1 });
    // @ts-expect-error a number, because the package brings the types of `ws`
    return client.socket.readyState;
  }
}
