import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { startRedis } from '../support/redis-server.js';
import { startFarmProcess } from './farm-process.js';

// Plays the test runner that is killed: it starts a Redis and a server, prints their ids, and never stops them.

process.stdin.on('end', () => process.exit()).resume();

const redis = await startRedis();
const script = fileURLToPath(new URL('farm-server.js', import.meta.url));
const server = await startFarmProcess(script, redis.url, randomUUID());
console.log(JSON.stringify({ redis: redis.pid, port: server.port }));
