import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { Redis } from 'ioredis';
import { now } from './clock.js';
import type { Farm } from './farm.js';
import type { Form } from './fault.js';

const MESSAGES = { short: 2000, full: 10_000 };
const SAMPLES = 50;
/** How many are published at once. More would slow down the load on the same machine. */
const BATCH = 100;
const FUTURE_VERSION = 2;

/** Turn a valid envelope into bytes that no server can read. */
const SPOILERS: readonly ((sample: Buffer) => Buffer)[] = [
  () => randomBytes(randomInt(1, 300)),
  (sample) => sample.subarray(0, randomInt(sample.length)),
  (sample) => {
    const flipped = Buffer.from(sample);
    const bit = randomInt(flipped.length * 8);
    flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    return flipped;
  },
  () => Buffer.from(JSON.stringify({ event: 'm', data: [randomInt(3), randomInt(1000)] })),
];

/** Publishes invalid messages on every kind of channel, in between the valid ones. */
export async function garbage(farm: Farm, lastsMs: number, form: Form): Promise<void> {
  const channels = [
    'servers',
    `server:${farm.server(0).serverId}`,
    '/fault:all',
    '/fault:group:g0',
    '/fault:user:u0',
  ].map((rest) => farm.channel(rest));
  const samples = await sampled(farm, channels);
  await farm.admin(async (redis) => {
    farm.mark('begin', []);
    for (let sent = 0; sent < MESSAGES[form]; sent += BATCH) {
      await Promise.all(
        Array.from({ length: BATCH }, (_, index) =>
          // One in ten has an unknown major version and is otherwise valid.
          index % 10 === 0
            ? publishFuture(farm, redis, pick(channels), pick(samples))
            : redis.publish(pick(channels), pick(SPOILERS)(pick(samples))),
        ),
      );
      await wait((lastsMs * BATCH) / MESSAGES[form]);
    }
  });
}

async function publishFuture(farm: Farm, redis: Redis, channel: string, sample: Buffer): Promise<void> {
  const future = Buffer.from(sample);
  future.writeUInt8(FUTURE_VERSION, 1);
  future.writeUInt32BE(crc32(future.subarray(7), crc32(future.subarray(0, 3))), 3);
  const call = now();
  await redis.publish(channel, future);
  farm.unreadable.push({ call, settle: now() });
}

async function sampled(farm: Farm, channels: readonly string[]): Promise<Buffer[]> {
  const redis = new Redis({ port: farm.redis.port });
  try {
    const samples: Buffer[] = [];
    const enough = new Promise<void>((resolve) => {
      redis.on('messageBuffer', (_channel: Buffer, message: Buffer) => {
        if (samples.push(Buffer.from(message)) === SAMPLES) resolve();
      });
    });
    await redis.subscribe(...channels);
    await enough;
    return samples;
  } finally {
    redis.disconnect();
  }
}

function pick<T>(items: readonly T[]): T {
  return items[randomInt(items.length)] as T;
}
