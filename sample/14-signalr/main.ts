import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';

const app = await NestFactory.create(AppModule, { logger: ['error'] });
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? '3001', '127.0.0.1');
// Tells the parent process that this server is ready, for example pm2 with `wait_ready`.
process.send?.('ready');
