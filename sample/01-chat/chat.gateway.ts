import { randomUUID } from 'node:crypto';
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
import type { ChatEvents, FarmServer, Origin, Person } from './chat.events.js';
import { FarmWatch } from './farm-watch.js';
import { PresenceRelay } from './presence-relay.js';
import { TextPipe } from './text.pipe.js';

/** What the server keeps of a client. */
export interface ClientData {
  name?: string;
}

export type ChatConnection = BackplaneConnection<ClientData, ChatEvents>;

const NAME = new TextPipe(40);
const KEY = new TextPipe(80, randomUUID);
const TEXT = new TextPipe(2000);

@WebSocketGateway({ path: '/chat' })
export class ChatGateway implements OnGatewayInit, OnGatewayConnection<ChatConnection> {
  @WebSocketServer() private readonly server!: Broadcaster<ChatEvents>;
  private readonly serverName: string;
  private readonly farm: readonly FarmServer[];
  private readonly carrier: string;
  private relay!: PresenceRelay;

  constructor(
    private readonly backplane: RedisBackplane,
    private readonly watch: FarmWatch,
    config: ConfigService,
  ) {
    this.serverName = config.get('SERVER_NAME', 'Server');
    const balanced = config.get('BEHIND_BALANCER') === 'true';
    this.farm = balanced ? watch.servers.map(({ name }) => ({ name })) : watch.servers;
    this.carrier = config.get<string>('REDIS_URL', '').startsWith('memory:') ? 'Memory' : 'Redis';
  }

  /** Each server tells its own pages which other servers it reaches. */
  afterInit() {
    this.relay = new PresenceRelay(this.server);
    this.backplane.status$.subscribe((status) => void this.server.local.emit('status', status));
    this.watch.states$.subscribe((states) => void this.server.local.emit('states', states));
  }

  handleConnection(client: ChatConnection) {
    client.emit('welcome', {
      id: client.id,
      server: this.serverName,
      farm: this.farm,
      states: this.watch.states,
      status: this.backplane.status,
      carrier: this.carrier,
    });
  }

  @SubscribeMessage('say')
  say(
    @ConnectedSocket() client: BackplaneConnection,
    @MessageBody('key', KEY) key: string,
    @MessageBody('name', NAME) name: string,
    @MessageBody('text', TEXT) text: string,
  ) {
    return this.server.emit('said', { ...this.origin(client, key, name), text });
  }

  @SubscribeMessage('say-to-group')
  sayToGroup(
    @ConnectedSocket() client: BackplaneConnection,
    @MessageBody('key', KEY) key: string,
    @MessageBody('name', NAME) name: string,
    @MessageBody('text', TEXT) text: string,
    @MessageBody('group', NAME) group: string,
  ) {
    return this.server.group(group).emit('said', { ...this.origin(client, key, name), text, group });
  }

  /** To one connection, whichever server holds it. */
  @SubscribeMessage('whisper')
  whisper(
    @ConnectedSocket() client: BackplaneConnection,
    @MessageBody('key', KEY) key: string,
    @MessageBody('name', NAME) name: string,
    @MessageBody('text', TEXT) text: string,
    @MessageBody('to', TEXT) to: string,
  ) {
    const origin = this.origin(client, key, name);
    return this.server.connection(to).emit('said', { ...origin, text, whispered: true });
  }

  /** To everyone else. */
  @SubscribeMessage('wave')
  wave(
    @ConnectedSocket() client: BackplaneConnection,
    @MessageBody('key', KEY) key: string,
    @MessageBody('name', NAME) name: string,
  ) {
    return this.server.except(client.id).emit('waved', this.origin(client, key, name));
  }

  /**
   * The client is a member once `join` has resolved. That the group hears of it is not part of the answer: if Redis goes
   * away in between, the client is a member all the same.
   */
  @SubscribeMessage('join')
  async join(
    @ConnectedSocket() client: ChatConnection,
    @MessageBody('name', NAME) name: string,
    @MessageBody('group', NAME) group: string,
  ) {
    client.data.name = name;
    await client.join(group);
    this.relay.start(client, group);
    this.server.group(group).emit('joined', { from: this.person(client, name), group });
  }

  /** The members of the client's groups see the new name about a second later. */
  @SubscribeMessage('rename')
  rename(@ConnectedSocket() client: ChatConnection, @MessageBody('name', NAME) name: string) {
    client.data.name = name;
  }

  @SubscribeMessage('leave')
  async leave(
    @ConnectedSocket() client: BackplaneConnection,
    @MessageBody('name', NAME) name: string,
    @MessageBody('group', NAME) group: string,
  ) {
    await client.leave(group);
    const concerned = this.server.group(group).connection(client.id);
    concerned.emit('left', { from: this.person(client, name), group });
  }

  private origin(client: BackplaneConnection, key: string, name: string): Origin {
    return { key, from: this.person(client, name), at: Date.now() };
  }

  private person({ id }: BackplaneConnection, name: string): Person {
    return { id, name, server: this.serverName };
  }
}
