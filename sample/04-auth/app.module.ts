import { Module } from '@nestjs/common';
import { JwtModule } from '@nestjs/jwt';
import { RedisBackplaneModule } from 'nestjs-redis-backplane';
import { JwtAuthenticator } from './jwt.authenticator.js';
import { LoginController } from './login.controller.js';
import { NotesGateway } from './notes.gateway.js';

const { JWT_SECRET, JWT_SECONDS = '900', ORIGIN, REDIS_URL = 'redis://127.0.0.1:6379' } = process.env;

@Module({
  imports: [
    JwtModule.register({ global: true, secret: JWT_SECRET, signOptions: { expiresIn: Number(JWT_SECONDS) } }),
    RedisBackplaneModule.forRoot({
      connection: REDIS_URL,
      channelPrefix: 'notes',
      // The pages that may use the cookie.
      allowedOrigins: [ORIGIN ?? 'http://127.0.0.1:3001'],
      authenticate: JwtAuthenticator,
    }),
  ],
  controllers: [LoginController],
  providers: [JwtAuthenticator, NotesGateway],
})
export class AppModule {}
