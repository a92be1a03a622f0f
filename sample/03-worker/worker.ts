import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { ShippingService } from './shipping.service.js';
import { WorkerModule } from './worker.module.js';

// No HTTP server and no gateway: it does its work, tells who is concerned, and ends.
const app = await NestFactory.createApplicationContext(WorkerModule, { logger: ['error', 'warn'] });
const shipping = app.get(ShippingService);
for (const [order, customer] of [
  [1, 'ada'],
  [2, 'grace'],
  [3, 'ada'],
] as const) {
  await shipping.ship(order, customer);
}
await app.close();
