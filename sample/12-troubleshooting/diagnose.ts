import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { RedisBackplane, RedisBackplaneModule } from 'nestjs-redis-backplane';

/** A provider, because these observables do not repeat what happened before somebody subscribed. */
@Injectable()
class Reporter {
  constructor({ connectionFailed$, errors$ }: RedisBackplane) {
    connectionFailed$.subscribe(({ link, cause }) => console.log(`  ${link}: ${cause.message}`));
    const printed = new Set<string>();
    errors$.subscribe(({ stage, message }) => {
      // Connecting is retried several times a second, with the same result.
      if (!printed.has(message)) console.log(`  ${stage}: ${message}`);
      printed.add(message);
    });
  }
}

@Module({
  imports: [
    RedisBackplaneModule.forRoot({
      connection: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379',
      channelPrefix: process.env.CHANNEL_PREFIX ?? 'MyApp',
    }),
  ],
  providers: [Reporter],
})
class DiagnosisModule {}

// Bootstrap waits up to 5 s until the server is ready. It has no gateway, so it only takes part in the heartbeats.
const app = await NestFactory.createApplicationContext(DiagnosisModule, { logger: false });
const { up, status, reason, servers } = app.get(RedisBackplane).delivery();
console.log(`  ${up ? 'Messages get through' : `Messages do not get through: ${reason}`}.`);
console.log(`  Status ${status}, ${servers} other servers.`);
await app.close();
