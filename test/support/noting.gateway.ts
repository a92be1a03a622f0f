import type { IncomingMessage } from 'node:http';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';

/** A gateway that records its calls. The test sets what its connection hook does. */
@WebSocketGateway({ path: '/chat' })
export class NotingGateway {
  readonly notes: unknown[] = [];
  onConnection: (client: BackplaneConnection) => unknown = () => undefined;

  async handleConnection(client: BackplaneConnection, { url = '' }: IncomingMessage): Promise<void> {
    this.notes.push(`connected ${url}`);
    await this.onConnection(client);
  }

  handleDisconnect(): void {
    this.notes.push('disconnected');
  }

  @SubscribeMessage('note')
  note(@MessageBody() data: unknown) {
    this.notes.push(data);
    return { event: 'noted', data };
  }

  @SubscribeMessage('who')
  who(@ConnectedSocket() { userId, data }: BackplaneConnection) {
    return { event: 'who', data: { userId, data } };
  }
}
