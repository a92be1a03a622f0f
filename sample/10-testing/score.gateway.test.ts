import 'reflect-metadata';
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  connectTestClient,
  FakeBroadcaster,
  FakeConnection,
  recordEmits,
} from 'nestjs-redis-backplane/testing';
import { AppModule } from './app.module.js';
import { ScoreGateway } from './score.gateway.js';

describe('the gateway by itself, without sockets', () => {
  it('emits a goal to the group of its match', async () => {
    const broadcaster = new FakeBroadcaster(ScoreGateway);

    await new ScoreGateway(broadcaster).goal({ match: 'final', team: 'Peru' });

    assert.deepEqual(broadcaster.emits.all, [
      { path: '/score', target: { group: ['final'] }, event: 'scored', data: { team: 'Peru' } },
    ]);
  });

  it('adds those who watch to the group of the match', async () => {
    const client = new FakeConnection();

    await new ScoreGateway(new FakeBroadcaster(ScoreGateway)).watch(client, 'final');

    assert.deepEqual([...client.groups], ['final']);
  });
});

describe('two servers', () => {
  let near: INestApplication;
  let far: INestApplication;

  beforeEach(async () => {
    // Servers of one process that use the same memory are one farm: no Redis is needed.
    process.env.REDIS_URL = 'memory:';
    [near, far] = [await startServer(), await startServer()];
  });
  afterEach(async () => {
    for (const server of [near, far]) await server.close();
  });

  it('show a goal to those who watch the match, on either of them', async () => {
    const [scorer, fan] = [await connectTestClient(near, '/score'), await connectTestClient(far, '/score')];
    assert.equal(await fan.invoke('watch', 'final'), 'final');

    scorer.emit('goal', { match: 'final', team: 'Peru' });

    assert.deepEqual(await fan.next('scored'), { team: 'Peru' });
  });

  it('refuse a goal without a team, and emit nothing', async () => {
    const emits = recordEmits(near);
    const client = await connectTestClient(near, ScoreGateway);

    await assert.rejects(client.invoke('goal', { match: 'final', team: 7 }), {
      name: 'HandlerError',
      message: /The team must be a string/,
    });

    assert.deepEqual(emits.all, []);
  });
});

async function startServer(): Promise<INestApplication> {
  const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
  const app = module.createNestApplication({ logger: false });
  return app.init();
}
