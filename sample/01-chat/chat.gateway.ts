import { ConfigService } from '@nestjs/config';
import {
  ConnectedSocket,
  MessageBody,
  type OnGatewayConnection,
  type OnGatewayInit,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { BackplaneConnection, Broadcaster, RedisBackplane } from 'nestjs-redis-backplane';
import type { ChatEvents, FarmServer, Person } from './chat.events.js';
import { TextPipe } from './text.pipe.js';

type ChatConnection = BackplaneConnection<unknown, ChatEvents>;

const NAME = new TextPipe(40);
const TEXT = new TextPipe(2000);

@WebSocketGateway({ path: '/chat' })
export class ChatGateway implements OnGatewayInit, OnGatewayConnection<ChatConnection> {
  @WebSocketServer() private readonly server!: Broadcaster<ChatEvents>;
  private readonly serverName: string;
  private readonly farm: readonly FarmServer[];

  constructor(
    private readonly backplane: RedisBackplane,
    config: ConfigService,
  ) {
    this.serverName = config.get('SERVER_NAME', 'Server');
    this.farm = parseFarm(config.get('FARM', ''));
  }

  /** How this server stands with the others concerns its own pages only. */
  afterInit() {
    this.backplane.status$.subscribe((status) => void this.server.local.emit('status', status));
  }

  handleConnection(client: ChatConnection) {
    void client.emit('welcome', {
      id: client.id,
      server: this.serverName,
      farm: this.farm,
      status: this.backplane.status,
    });
  }

  @SubscribeMessage('say')
  say(
    @ConnectedSocket() client: BackplaneConnection,
    @MessageBody('name', NAME) name: string,
    @MessageBody('text', TEXT) text: string,
  ) {
    return this.server.emit('said', { from: this.person(client, name), text });
  }

  @SubscribeMessage('say-to-group')
  sayToGroup(
    @ConnectedSocket() client: BackplaneConnection,
    @MessageBody('name', NAME) name: string,
    @MessageBody('text', TEXT) text: string,
    @MessageBody('group', NAME) group: string,
  ) {
    return this.server.group(group).emit('said', { from: this.person(client, name), text, group });
  }

  /** To one connection, whichever server holds it. */
  @SubscribeMessage('whisper')
  whisper(
    @ConnectedSocket() client: BackplaneConnection,
    @MessageBody('name', NAME) name: string,
    @MessageBody('text', TEXT) text: string,
    @MessageBody('to', TEXT) to: string,
  ) {
    const from = this.person(client, name);
    return this.server.connection(to).emit('said', { from, text, whispered: true });
  }

  /** To everyone else. */
  @SubscribeMessage('wave')
  wave(@ConnectedSocket() client: BackplaneConnection, @MessageBody('name', NAME) name: string) {
    return this.server.except(client.id).emit('waved', { from: this.person(client, name) });
  }

  /** When `join` has resolved, the group hears of it, the new member included. */
  @SubscribeMessage('join')
  async join(
    @ConnectedSocket() client: BackplaneConnection,
    @MessageBody('name', NAME) name: string,
    @MessageBody('group', NAME) group: string,
  ) {
    await client.join(group);
    return this.server.group(group).emit('joined', { from: this.person(client, name), group });
  }

  @SubscribeMessage('leave')
  async leave(
    @ConnectedSocket() client: BackplaneConnection,
    @MessageBody('name', NAME) name: string,
    @MessageBody('group', NAME) group: string,
  ) {
    await client.leave(group);
    const concerned = this.server.group(group).connection(client.id);
    return concerned.emit('left', { from: this.person(client, name), group });
  }

  private person({ id }: BackplaneConnection, name: string): Person {
    return { id, name, server: this.serverName };
  }
}

/** `Lima=http://127.0.0.1:3001 Perth=http://127.0.0.1:3002`, or `Lima Perth` */
function parseFarm(text: string): FarmServer[] {
  return [...text.matchAll(/([^\s=]+)(?:=(\S+))?/g)].map(([, name = '', url]) =>
    url === undefined ? { name } : { name, url },
  );
}
