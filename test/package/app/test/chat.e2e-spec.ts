import { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { connectTestClient, FakeBroadcaster, recordEmits } from 'nestjs-redis-backplane/testing';
import { AppModule } from './../src/app.module.js';
import { ChatGateway } from './../src/chat.gateway.js';

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
    const emits = recordEmits(app);

    speaker.emit('say', said);

    expect(await listener.next('said')).toEqual(said);
    expect(emits.all).toEqual([{ path: '/chat', target: { group: ['tea'] }, event: 'said', data: said }]);
  });

  it('emits to the room, with a fake broadcaster', async () => {
    const server = new FakeBroadcaster(ChatGateway);
    const gateway = new ChatGateway();
    Reflect.set(gateway, 'server', server);

    await gateway.say({ room: 'tea', text: 'Hello' });

    expect(server.emits.of('said')).toHaveLength(1);
  });

  afterEach(async () => {
    await app.close();
  });
});
