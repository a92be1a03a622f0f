import {
  MessageBody,
  type OnGatewayInit,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { Broadcaster, RedisBackplane } from 'nestjs-redis-backplane';
import { distinctUntilChanged, map } from 'rxjs';

@WebSocketGateway({ path: '/prices' })
export class PricesGateway implements OnGatewayInit {
  @WebSocketServer() private readonly server!: Broadcaster;

  constructor(private readonly backplane: RedisBackplane) {}

  afterInit() {
    const state$ = this.backplane.status$.pipe(
      map(({ state }) => state),
      distinctUntilChanged(),
    );
    // Clients can show that they only see part of what happens.
    state$.subscribe((state) => void this.server.local.emit('status', state));
    // Clients that may have missed messages load the current state again.
    this.backplane.loss$.subscribe(({ affected }) => void affected.emit('reload'));
  }

  /** Clients of this server get it in any case. If Redis did not accept it, the sender gets `exception`. */
  @SubscribeMessage('tell')
  tell(@MessageBody() price: number) {
    return this.server.emit('told', price);
  }
}
