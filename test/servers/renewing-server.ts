import { Module } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { type BackplaneConnection, RedisBackplaneModule } from 'nestjs-redis-backplane';
import { closeWhenTold, serve } from './serve.js';

// A server that renews clients after they have disconnected, like an app whose token refresh is late.

const HOUR_MS = 3_600_000;

@WebSocketGateway({ path: '/chat' })
class RenewingGateway {
  handleDisconnect(client: BackplaneConnection): void {
    client.renew(new Date(Date.now() + HOUR_MS));
  }
}

@Module({
  imports: [
    RedisBackplaneModule.forRoot({
      connection: 'memory:',
      authenticate: () => ({ expiresAt: new Date(Date.now() + HOUR_MS) }),
    }),
  ],
  providers: [RenewingGateway],
})
class RenewingModule {}

closeWhenTold(await serve(RenewingModule));
