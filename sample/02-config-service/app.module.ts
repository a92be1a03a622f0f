import { Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { RedisBackplaneModule } from 'nestjs-redis-backplane';
import { BackplaneOptions } from './backplane-options.js';
import { GreetingGateway } from './greeting.gateway.js';

@Module({
  imports: [
    // What the environment has outweighs the file.
    ConfigModule.forRoot({ isGlobal: true, envFilePath: 'sample/02-config-service/.env' }),
    RedisBackplaneModule.forRootAsync({ useClass: BackplaneOptions }),
  ],
  providers: [GreetingGateway],
})
export class AppModule {}
