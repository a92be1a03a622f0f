import { Module } from '@nestjs/common';
import { JwtModule, JwtService } from '@nestjs/jwt';
import { RedisBackplaneModule } from 'nestjs-redis-backplane';
import { LoginController } from './login.controller.js';
import { NotesGateway } from './notes.gateway.js';
import { tokenOf, type TokenPayload } from './token.js';

const { JWT_SECRET, JWT_SECONDS = '900', ORIGIN, REDIS_URL = 'redis://127.0.0.1:6379' } = process.env;

@Module({
  imports: [
    JwtModule.register({ global: true, secret: JWT_SECRET, signOptions: { expiresIn: Number(JWT_SECONDS) } }),
    RedisBackplaneModule.forRootAsync({
      inject: [JwtService],
      useFactory: (jwt: JwtService) => ({
        connection: REDIS_URL,
        channelPrefix: 'notes',
        // The pages that may use the cookie.
        allowedOrigins: [ORIGIN ?? 'http://127.0.0.1:3001'],
        authenticate: async (request) => {
          // A token that is none, or not ours, or too old, is a throw: the client is refused with 401.
          const { sub, exp } = await jwt.verifyAsync<TokenPayload>(tokenOf(request));
          return { userId: sub, expiresAt: new Date(exp * 1000) };
        },
      }),
    }),
  ],
  controllers: [LoginController],
  providers: [NotesGateway],
})
export class AppModule {}
