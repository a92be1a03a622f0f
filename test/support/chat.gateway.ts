import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { Broadcaster } from '../../lib/broadcast/broadcaster.js';

/** A gateway whose events let a test drive the library through a client. */
@WebSocketGateway({ path: '/chat' })
export class ChatGateway {
  @WebSocketServer() readonly server!: Broadcaster;

  @SubscribeMessage('id')
  id(@ConnectedSocket() client: BackplaneConnection) {
    return { event: 'id', data: client.id };
  }

  @SubscribeMessage('join')
  async join(@ConnectedSocket() client: BackplaneConnection, @MessageBody() group: string) {
    await client.join(group);
    return { event: 'joined', data: group };
  }

  @SubscribeMessage('leave')
  async leave(@ConnectedSocket() client: BackplaneConnection, @MessageBody() group: string) {
    await client.leave(group);
    return { event: 'left', data: group };
  }

  @SubscribeMessage('say')
  say(@MessageBody() text: string) {
    return this.server.emit('said', text);
  }

  @SubscribeMessage('say-to-group')
  sayToGroup(
    @ConnectedSocket() client: BackplaneConnection,
    @MessageBody() body: { group: string; text: string },
  ) {
    return this.server.group(body.group).except(client.id).emit('said', body.text);
  }
}
