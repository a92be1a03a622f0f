import { Injectable, Module } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { describe, expect, it } from 'vitest';
import {
  Broadcaster,
  DuplicateBackplaneError,
  RedisBackplane,
  RedisBackplaneAdapter,
  RedisBackplaneModule,
  type RedisBackplaneOptions,
  type RedisBackplaneOptionsFactory,
} from '../../lib/index.js';
import { ChatGateway } from '../support/chat.gateway.js';
import { listen, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();

/** Expects that an app with this registration joins the farm: an emit of another server reaches its client. */
async function expectInFarm(registration: Module): Promise<void> {
  const app = await farm.app({ imports: [registration], providers: [ChatGateway] });
  const client = await farm.client({ port: await listen(app) });
  const other = await farm.server();
  await other.broadcaster.emit('hi');
  await client.next('hi');
}

type Module = ReturnType<typeof RedisBackplaneModule.forRoot>;

@Injectable()
class FarmOptions implements RedisBackplaneOptionsFactory {
  createRedisBackplaneOptions(): Promise<RedisBackplaneOptions> {
    return Promise.resolve(farm.options());
  }
}

@Module({ providers: [FarmOptions], exports: [FarmOptions] })
class OptionsModule {}

describe('the module can be registered', () => {
  it('by forRoot', () => expectInFarm(RedisBackplaneModule.forRoot(farm.options())));

  it('by forRootAsync with useFactory and ConfigService', async () => {
    const { connection, channelPrefix } = farm.options();
    await expectInFarm(
      RedisBackplaneModule.forRootAsync({
        imports: [
          ConfigModule.forRoot({
            ignoreEnvFile: true,
            load: [() => ({ REDIS_URL: connection, PREFIX: channelPrefix })],
          }),
        ],
        inject: [ConfigService],
        useFactory: (config: ConfigService) => ({
          connection: config.getOrThrow<string>('REDIS_URL'),
          channelPrefix: config.getOrThrow<string>('PREFIX'),
        }),
      }),
    );
  });

  it('by forRootAsync with an asynchronous useFactory', () =>
    expectInFarm(RedisBackplaneModule.forRootAsync({ useFactory: () => Promise.resolve(farm.options()) })));

  it('by forRootAsync with useClass', () =>
    expectInFarm(RedisBackplaneModule.forRootAsync({ useClass: FarmOptions })));

  it('by forRootAsync with useExisting', () =>
    expectInFarm(RedisBackplaneModule.forRootAsync({ imports: [OptionsModule], useExisting: FarmOptions })));
});

@Injectable()
class Shop {
  constructor(
    readonly broadcaster: Broadcaster,
    readonly backplane: RedisBackplane,
    readonly adapter: RedisBackplaneAdapter,
  ) {}
}

@Module({ providers: [Shop] })
class ShopModule {}

describe('the providers of the module', () => {
  it.each<[name: string, register: () => Module]>([
    ['forRoot', () => RedisBackplaneModule.forRoot(farm.options())],
    ['forRootAsync', () => RedisBackplaneModule.forRootAsync({ useFactory: () => farm.options() })],
    [
      'forRoot with isGlobal: true',
      () => RedisBackplaneModule.forRoot({ ...farm.options(), isGlobal: true }),
    ],
  ])('are available in every module after %s', async (_name, register) => {
    const app = await farm.app({ imports: [register(), ShopModule] });
    const shop = app.get(Shop, { strict: false });
    expect(shop.broadcaster).toBe(app.get(Broadcaster));
    expect(shop.backplane).toBe(app.get(RedisBackplane));
    expect(shop.adapter).toBe(app.get(RedisBackplaneAdapter));
  });

  it.each<[name: string, register: () => Module]>([
    ['forRoot', () => RedisBackplaneModule.forRoot({ ...farm.options(), isGlobal: false })],
    [
      'forRootAsync',
      () => RedisBackplaneModule.forRootAsync({ isGlobal: false, useFactory: () => farm.options() }),
    ],
  ])(
    'are available only in modules that import it after %s with isGlobal: false',
    async (_name, register) => {
      await expect(farm.app({ imports: [register(), ShopModule] })).rejects.toThrow(
        /dependencies of the Shop/,
      );
      const app = await farm.app({ imports: [register()], providers: [Shop] });
      expect(app.get(Shop).broadcaster).toBe(app.get(Broadcaster));
    },
  );
});

describe('a second registration', () => {
  it('with the same object has no effect', async () => {
    const registration = RedisBackplaneModule.forRoot(farm.options());
    @Module({ imports: [registration] })
    class FeatureModule {}
    await expect(farm.app({ imports: [registration, FeatureModule, registration] })).resolves.toBeDefined();
  });

  it.each<[name: string, second: () => Module]>([
    ['forRoot', () => RedisBackplaneModule.forRoot({ connection: 'memory:other' })],
    [
      'forRootAsync',
      () => RedisBackplaneModule.forRootAsync({ useFactory: () => ({ connection: 'memory:other' }) }),
    ],
  ])('with other options stops bootstrap: %s', async (_name, second) => {
    @Module({ imports: [second()] })
    class FeatureModule {}
    const twice = farm.app({ imports: [RedisBackplaneModule.forRoot(farm.options()), FeatureModule] });
    await expect(twice).rejects.toThrow(DuplicateBackplaneError);
    await expect(twice).rejects.toThrow(/called twice/);
  });
});
