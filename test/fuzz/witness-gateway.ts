import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { BackplaneConnection, Broadcaster } from 'nestjs-redis-backplane';

/** A message from one witness to the others. */
export interface Told {
  readonly from: string;
  readonly count: number;
}

/** The gateway for witnesses. No case attacks it, so every reply must be correct. */
@WebSocketGateway({ path: '/witness' })
export class WitnessGateway {
  @WebSocketServer() private readonly server!: Broadcaster;

  @SubscribeMessage('who')
  who(@ConnectedSocket() { id }: BackplaneConnection) {
    return id;
  }

  @SubscribeMessage('join')
  async join(@ConnectedSocket() client: BackplaneConnection, @MessageBody() group: string) {
    await client.join(group);
    return 'joined';
  }

  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown) {
    return { event: 'echo', data };
  }

  /** Invokes another witness, which may be connected to the other server. */
  @SubscribeMessage('ask')
  ask(@MessageBody() { connectionId, count }: { connectionId: string; count: number }) {
    return this.server.connection(connectionId).invoke('double', count);
  }

  @SubscribeMessage('tell')
  async tell(@MessageBody() told: Told) {
    await this.server.group('witnesses').emit('told', told);
    return 'told';
  }
}
