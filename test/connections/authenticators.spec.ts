import type { IncomingMessage } from 'node:http';
import { Injectable, Module, type Type } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { UseAuthenticator } from '../../lib/adapter/use-authenticator.decorator.js';
import type { Admission, AuthenticateOption, Authenticator } from '../../lib/options/authenticate.js';
import { InvalidOptionsError } from '../../lib/options/invalid-options.error.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import type { ChatServer } from '../support/chat-app.js';
import { ChatGateway } from '../support/chat.gateway.js';
import { refusal } from '../support/raw-client.js';
import { listen, useTestFarm } from '../support/test-farm.js';

@Injectable()
class Tokens {
  userOf(url = '/'): string | null {
    return new URL(url, 'ws://server').searchParams.get('user');
  }
}

@Module({ providers: [Tokens], exports: [Tokens] })
class TokensModule {}

/** Admits clients whose URL names a user. */
@Injectable()
class TokenAuthenticator implements Authenticator {
  static made = 0;

  constructor(private readonly tokens: Tokens) {
    TokenAuthenticator.made++;
  }

  authenticate({ url }: IncomingMessage, path: string): Admission | null {
    const userId = this.tokens.userOf(url);
    return userId === null ? null : { userId, data: { path } };
  }
}

/** Admits nobody and has no dependencies. */
class Bouncer implements Authenticator {
  authenticate(): null {
    return null;
  }
}

const farm = useTestFarm();

/** The users of the connections on a path. */
const userOn = ({ broadcaster }: ChatServer, path: string): (string | undefined)[] =>
  [...broadcaster.gateway(path).localConnections].map(({ userId }) => userId);

function start(authenticate: AuthenticateOption | undefined, ...gateways: Type[]): Promise<ChatServer> {
  const providers = [TokenAuthenticator, ...gateways];
  return farm.server({ ...farm.options(), authenticate }, { imports: [TokensModule], providers });
}

async function expectTokensNeeded(server: ChatServer, path = '/chat'): Promise<void> {
  expect(await refusal(server, path)).toBe(401);
  await farm.client(server, `${path}?user=ada`);
  expect(userOn(server, path)).toEqual(['ada']);
}

describe('the option authenticate', () => {
  it('accepts a class that is a provider of the app, and uses that provider for every path', async () => {
    @WebSocketGateway({ path: '/other' })
    class OtherGateway {}
    TokenAuthenticator.made = 0;
    const server = await start(TokenAuthenticator, OtherGateway);
    await expectTokensNeeded(server);
    await expectTokensNeeded(server, '/other');
    expect(TokenAuthenticator.made).toBe(1);
  });

  it('accepts a class that is not a provider, and creates one instance with the imports of forRootAsync', async () => {
    TokenAuthenticator.made = 0;
    const app = await farm.app({
      imports: [
        RedisBackplaneModule.forRootAsync({
          imports: [TokensModule],
          useFactory: () => ({ ...farm.options(), authenticate: TokenAuthenticator }),
        }),
      ],
      providers: [ChatGateway],
    });
    const port = await listen(app);
    expect(await refusal({ port }, '/chat')).toBe(401);
    await farm.client({ port }, '/chat?user=ada');
    expect(TokenAuthenticator.made).toBe(1);
  });

  it('accepts an object', async () => {
    await expectTokensNeeded(await start(new TokenAuthenticator(new Tokens())));
  });

  it('fails at startup if a dependency of the class is missing', async () => {
    const options = { ...farm.options(), authenticate: TokenAuthenticator };
    const app = await farm.app({
      imports: [RedisBackplaneModule.forRoot(options)],
      providers: [ChatGateway],
    });
    await expect(app.init()).rejects.toThrow(/dependencies of the TokenAuthenticator/);
  });
});

describe('@UseAuthenticator()', () => {
  it('overrides the authenticator of the module for its gateway', async () => {
    @UseAuthenticator(TokenAuthenticator)
    @WebSocketGateway({ path: '/own' })
    class OwnGateway {}
    const server = await start(Bouncer, OwnGateway);
    await expectTokensNeeded(server, '/own');
    expect(await refusal(server, '/chat?user=ada')).toBe(401);
  });

  it('instantiates a class that is not a provider in the module of its gateway', async () => {
    @Injectable()
    class Unlisted extends TokenAuthenticator {}
    @UseAuthenticator(Unlisted)
    @WebSocketGateway({ path: '/own' })
    class OwnGateway {}
    @Module({ imports: [TokensModule], providers: [OwnGateway] })
    class OwnModule {}
    const server = await farm.server(farm.options(), { imports: [OwnModule] });
    await expectTokensNeeded(server, '/own');
  });

  it('with false admits everyone to its gateway and to no other', async () => {
    @UseAuthenticator(false)
    @WebSocketGateway({ path: '/open' })
    class OpenGateway {}
    const server = await start(Bouncer, OpenGateway);
    await farm.client(server, '/open');
    expect(userOn(server, '/open')).toEqual([undefined]);
    expect(await refusal(server, '/chat')).toBe(401);
  });

  it('on one gateway of a path applies to all clients of that path', async () => {
    @UseAuthenticator(TokenAuthenticator)
    @WebSocketGateway({ path: '/chat' })
    class SecondGateway {}
    await expectTokensNeeded(await start(undefined, SecondGateway));
  });

  it('fails at startup and names both gateways if two gateways of a path contradict each other', async () => {
    @UseAuthenticator(TokenAuthenticator)
    @WebSocketGateway({ path: '/chat' })
    class SecondGateway {}
    @UseAuthenticator(false)
    @WebSocketGateway({ path: '/chat' })
    class ThirdGateway {}
    const started = start(undefined, SecondGateway, ThirdGateway);
    await expect(started).rejects.toThrow(InvalidOptionsError);
    await expect(started).rejects.toThrow(/SecondGateway and ThirdGateway share the path \/chat/);
  });

  it.each([
    ['undefined, which a circular import produces', undefined, /must be a function, or a class or object/],
    [
      'a class without the method authenticate',
      class Guard {
        readonly check = true;
      },
      /the class Guard has no method authenticate/,
    ],
  ])('throws for %s', (_what, authenticate, message) => {
    expect(() => UseAuthenticator(authenticate as never)).toThrow(message);
  });
});
