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
          const token = await jwt.verifyAsync<TokenPayload>(tokenOf(request)).catch(() => null);
          // No token, a forged or an expired one, or one that names nobody: null refuses the client with 401.
          if (typeof token?.sub !== 'string' || token.sub === '') return null;
          return { userId: token.sub, expiresAt: new Date(token.exp * 1000) };
        },
      }),
    }),
  ],
  controllers: [LoginController],
  providers: [NotesGateway],
})
export class AppModule {}
