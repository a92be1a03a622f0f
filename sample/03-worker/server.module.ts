import { Module } from '@nestjs/common';
import { Backplane } from './backplane.js';
import { OrdersGateway } from './orders.gateway.js';

@Module({ imports: [Backplane], providers: [OrdersGateway] })
export class ServerModule {}
