import { freePorts } from '../../test/support/free-ports.js';
import { acquireRedis } from '../../test/support/redis-server.js';
import { startServerProcess } from '../support/server-process.js';
import { runUntilStopped } from '../support/until-stopped.js';

const main = new URL('./main.js', import.meta.url);
const PREFERRED_PORTS = [3001, 3002];

console.log('Starting two servers …');
const redis = await acquireRedis();
const [lima = 0, perth = 0] = await freePorts(PREFERRED_PORTS);
const start = (name: string, port: number) =>
  startServerProcess(name, main, { SERVER_NAME: name, PORT: `${port}`, REDIS_URL: redis.url });
const servers = await Promise.all([start('Lima', lima), start('Perth', perth)]);

console.log('\nOne group, three kinds of clients. Open them side by side:\n');
console.log(`  SignalR with JSON          http://127.0.0.1:${lima}/?client=json`);
console.log(`  SignalR with MessagePack   http://127.0.0.1:${perth}/?client=msgpack`);
console.log(`  plain WebSocket            http://127.0.0.1:${perth}/?client=plain\n`);

const ended = Promise.all(servers.map((server) => server.ended)).then(() => undefined);
await runUntilStopped(ended, async () => {
  await Promise.all(servers.map((server) => server.stop()));
  await redis.stop();
});
