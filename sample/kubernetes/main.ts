import 'reflect-metadata';
import { ConfigService } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';

const app = await NestFactory.create(AppModule);
// SIGTERM, by which Kubernetes ends a pod, sends the clients away with 1001.
app.enableShutdownHooks();
await app.listen(app.get(ConfigService).get<string>('PORT', '3000'));
// Tells the parent process, if there is one, that this server is ready.
process.send?.('ready');
