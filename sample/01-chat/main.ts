import 'reflect-metadata';
import { ConsoleLogger, Logger } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';

const logger = new ConsoleLogger({ prefix: process.env.SERVER_NAME ?? 'Nest', logLevels: ['error', 'warn'] });
Logger.overrideLogger(logger);

const app = await NestFactory.create(AppModule);
app.enableShutdownHooks();
await app.listen(app.get(ConfigService).get<string>('PORT', '3001'), '127.0.0.1');

// What Nest logs while it starts is left out; that Redis came back is not.
logger.setLogLevels(['error', 'warn', 'log']);
process.send?.('ready');
