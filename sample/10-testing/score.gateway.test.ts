import 'reflect-metadata';
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WebSocket } from 'ws';
import { AppModule } from './app.module.js';
import { FakeBroadcaster } from './fake-broadcaster.js';
import { ScoreGateway } from './score.gateway.js';

let servers: INestApplication[];

describe('the score', () => {
  beforeEach(async () => {
    // Servers of one process that use the same name are one farm: no Redis is needed, and no other test can interfere.
    process.env.REDIS_URL = `memory:${randomUUID()}`;
    servers = [await startServer(), await startServer()];
  });
  afterEach(async () => {
    for (const server of servers) await server.close();
  });

  it('reaches those who watch the match, on another server too', async () => {
    const [near, far] = await Promise.all(servers.map(connect));
    assert.ok(near && far);
    send(far, 'watch', 'final');
    assert.deepEqual(await next(far), { event: 'watching', data: 'final' });

    send(near, 'goal', { match: 'final', team: 'Peru' });

    assert.deepEqual(await next(far), { event: 'scored', data: { team: 'Peru' } });
  });

  it('must name a team', async () => {
    const [client] = await Promise.all(servers.map(connect));
    assert.ok(client);
    send(client, 'goal', { match: 'final', team: 7 });

    const { event, data } = await next(client);
    assert.equal(event, 'exception');
    assert.equal((data as { message: string }).message, 'The team must be a string.');
  });
});

describe('the gateway by itself', () => {
  it('emits a goal to the group of its match', async () => {
    const broadcaster = new FakeBroadcaster();

    await new ScoreGateway(broadcaster).goal({ match: 'final', team: 'Peru' });

    assert.deepEqual(broadcaster.emitted, [['final', 'scored', { team: 'Peru' }]]);
  });
});

async function startServer(): Promise<INestApplication> {
  const app = await NestFactory.create(AppModule, { logger: false });
  await app.listen(0, '127.0.0.1');
  return app;
}

async function connect(server: INestApplication): Promise<WebSocket> {
  const socket = new WebSocket(`${(await server.getUrl()).replace('http', 'ws')}/score`);
  await once(socket, 'open');
  return socket;
}

function send(socket: WebSocket, event: string, data: unknown): void {
  socket.send(JSON.stringify({ event, data }));
}

async function next(socket: WebSocket): Promise<{ event: string; data: unknown }> {
  const [bytes] = (await once(socket, 'message')) as [Buffer];
  return JSON.parse(bytes.toString()) as { event: string; data: unknown };
}
