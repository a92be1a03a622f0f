import { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { connectTestClient } from 'nestjs-redis-backplane/testing';
import { AppModule } from './../src/app.module.js';

describe('ChatGateway (e2e)', () => {
  let app: INestApplication;

  beforeEach(async () => {
    const moduleFixture = await Test.createTestingModule({ imports: [AppModule] }).compile();
    app = moduleFixture.createNestApplication();
  });

  it('sends what is said to the members of the room', async () => {
    const [speaker, listener] = [
      await connectTestClient(app, '/chat'),
      await connectTestClient(app, '/chat'),
    ];
    expect(await listener.invoke('join', 'tea')).toBe('tea');
    const said = { room: 'tea', text: 'Hello' };

    speaker.emit('say', said);

    expect(await listener.next('said')).toEqual(said);
  });

  afterEach(async () => {
    await app.close();
  });
});
