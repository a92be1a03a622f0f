import { RedisBackplaneModule } from 'nestjs-redis-backplane';

/** The same for the servers and the worker: so they are one farm. */
export const Backplane = RedisBackplaneModule.forRootAsync({
  useFactory: () => ({
    connection: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379',
    channelPrefix: 'orders',
    // Only to keep this sample to its idea: sample 04 asks for a token.
    authenticate: ({ url = '/' }) => ({ userId: new URL(url, 'ws://server').searchParams.get('user') ?? '' }),
  }),
});
