import { Module } from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { BackplaneConnection, Broadcaster, RedisBackplaneModule } from 'nestjs-redis-backplane';
import { closeWhenTold, serve } from './serve.js';

/** Emits per event loop turn: enough to share envelopes, few enough to interleave with other servers. */
const EMITS_PER_TURN = 50;

@WebSocketGateway({ path: '/farm' })
class FarmGateway {
  @WebSocketServer() private readonly server!: Broadcaster;

  @SubscribeMessage('join')
  async join(@ConnectedSocket() client: BackplaneConnection, @MessageBody() group: string) {
    await client.join(group);
    return { event: 'joined', data: group };
  }

  @SubscribeMessage('tell')
  tell(@MessageBody() { group, text }: { group: string; text: string }) {
    return this.server.group(group).emit('told', text);
  }

  /** Emits the numbers from 0 to `count - 1` to all, then `flooded`. */
  @SubscribeMessage('flood')
  async flood(@MessageBody() { sender, count }: { sender: number; count: number }) {
    const emits: Promise<unknown>[] = [];
    for (let number = 0; number < count; number++) {
      emits.push(this.server.emit('number', [sender, number]));
      if (number % EMITS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(emits);
    await this.server.emit('flooded', sender);
  }
}

@Module({
  imports: [
    RedisBackplaneModule.forRoot({
      connection: process.env.FARM_CONNECTION ?? '',
      channelPrefix: process.env.FARM_PREFIX ?? '',
    }),
  ],
  providers: [FarmGateway],
})
class FarmModule {}

closeWhenTold(await serve(FarmModule));
