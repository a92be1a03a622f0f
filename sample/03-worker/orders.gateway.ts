import { WebSocketGateway } from '@nestjs/websockets';

/** Serves the connections of the shop's customers. Nothing more: what they hear comes from the worker. */
@WebSocketGateway({ path: '/orders' })
export class OrdersGateway {}
