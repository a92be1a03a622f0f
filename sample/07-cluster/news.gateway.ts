import {
  MessageBody,
  type OnGatewayInit,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { Broadcaster, RedisBackplane } from 'nestjs-redis-backplane';
import { distinctUntilChanged, map } from 'rxjs';

@WebSocketGateway({ path: '/news' })
export class NewsGateway implements OnGatewayInit {
  @WebSocketServer() private readonly server!: Broadcaster;

  constructor(private readonly backplane: RedisBackplane) {}

  /** What clients learn of a failover: how their server stands, and that they may have missed something. */
  afterInit() {
    const state$ = this.backplane.status$.pipe(
      map(({ state }) => state),
      distinctUntilChanged(),
    );
    state$.subscribe((state) => void this.server.local.emit('status', state));
    this.backplane.loss$.subscribe(({ affected }) => void affected.emit('reload'));
  }

  @SubscribeMessage('tell')
  tell(@MessageBody() text: string) {
    return this.server.emit('told', text);
  }
}
