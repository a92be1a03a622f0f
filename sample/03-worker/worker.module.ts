import { Module } from '@nestjs/common';
import { Backplane } from './backplane.js';
import { ShippingService } from './shipping.service.js';

@Module({ imports: [Backplane], providers: [ShippingService] })
export class WorkerModule {}
