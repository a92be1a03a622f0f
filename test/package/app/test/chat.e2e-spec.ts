import { once } from 'node:events';
import { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { WebSocket } from 'ws';
import { AppModule } from './../src/app.module.js';

describe('ChatGateway (e2e)', () => {
  let app: INestApplication;
  let socket: WebSocket;

  beforeEach(async () => {
    const moduleFixture = await Test.createTestingModule({ imports: [AppModule] }).compile();
    app = moduleFixture.createNestApplication();
    await app.listen(0, '127.0.0.1');
    socket = new WebSocket(`${(await app.getUrl()).replace('http', 'ws')}/chat`);
    await once(socket, 'open');
  });

  it('sends what is said to the members of the room', async () => {
    expect(await reply('join', 'tea')).toEqual({ event: 'joined', data: 'tea' });
    const said = { room: 'tea', text: 'Hello' };
    expect(await reply('say', said)).toEqual({ event: 'said', data: said });
  });

  afterEach(async () => {
    await app.close();
  });

  async function reply(event: string, data: unknown): Promise<unknown> {
    const message = once(socket, 'message');
    socket.send(JSON.stringify({ event, data }));
    return JSON.parse(String((await message)[0]));
  }
});
