import { Module } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { WebSocketGateway } from '@nestjs/websockets';
import { RedisBackplaneModule } from 'nestjs-redis-backplane';
import { serve } from './serve.js';

// A server whose gateway fails for every second client: it throws, or with the argument `reject` rejects. With the
// argument `plain` it uses the plain WsAdapter.

const plain = process.argv.includes('plain');
const rejects = process.argv.includes('reject');

@WebSocketGateway({ path: '/chat' })
class ThrowingGateway {
  private clients = 0;

  handleConnection(): unknown {
    if (++this.clients % 2 !== 0) return undefined;
    const error = new Error('this gateway fails');
    if (rejects) return Promise.reject(error);
    throw error;
  }
}

@Module({
  imports: plain ? [] : [RedisBackplaneModule.forRoot({ connection: 'memory:' })],
  providers: [ThrowingGateway],
})
class ThrowingModule {}

await serve(ThrowingModule, {
  prepare: (app) => {
    if (plain) app.useWebSocketAdapter(new WsAdapter(app));
  },
});
