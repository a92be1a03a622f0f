import {
  BadGatewayException,
  ForbiddenException,
  HttpException,
  Injectable,
  Logger,
  Module,
  UnauthorizedException,
} from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it, vi } from 'vitest';
import type { Admission, Authenticate } from '../../lib/options/authenticate.js';
import type { EdgeOptions } from '../../lib/options/edge-options.js';
import type { ChatServer } from '../support/chat-app.js';
import { RedisBackplaneModule } from '../../lib/redis-backplane.module.js';
import { NotingGateway } from '../support/noting.gateway.js';
import { eventually } from '../support/observe.js';
import { eventFrame, RawClient, refusal } from '../support/raw-client.js';
import { listen, useTestFarm } from '../support/test-farm.js';

@WebSocketGateway({ path: '/admin' })
class AdminGateway {}

const farm = useTestFarm();

function start(edge: EdgeOptions): Promise<ChatServer> {
  return farm.server({ ...farm.options(), ...edge }, { providers: [AdminGateway] }, NotingGateway);
}

const notesOf = ({ app }: ChatServer): unknown[] => app.get(NotingGateway).notes;

const refusals: [name: string, authenticate: Authenticate, status: number][] = [
  ['returns null', () => null, 401],
  ['resolves with null', () => Promise.resolve(null), 401],
  [
    'throws a ForbiddenException',
    () => {
      throw new ForbiddenException();
    },
    403,
  ],
  ['rejects with an UnauthorizedException', () => Promise.reject(new UnauthorizedException('who?')), 401],
  [
    'rejects with an HttpException from another copy of Nest',
    () => Promise.reject(new ForeignException()),
    402,
  ],
];

const failures: [name: string, authenticate: Authenticate, status: number][] = [
  [
    'throws an error',
    () => {
      throw new Error('no database');
    },
    503,
  ],
  ['rejects with an error', () => Promise.reject(new Error('no database')), 503],
  [
    'throws undefined',
    () => {
      // Careless code does this.
      // eslint-disable-next-line @typescript-eslint/only-throw-error
      throw undefined;
    },
    503,
  ],
  [
    'throws null',
    () => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error
      throw null;
    },
    503,
  ],
  ['returns undefined', (() => undefined) as unknown as Authenticate, 503],
  ['returns true', (() => true) as unknown as Authenticate, 503],
  [
    'rejects with an HttpException whose status is not an error',
    () => Promise.reject(new HttpException('fine', 200)),
    503,
  ],
  ['rejects with a 5xx HttpException', () => Promise.reject(new BadGatewayException()), 502],
  ['never settles', () => new Promise(() => undefined), 503],
  ['returns an empty user id', () => ({ userId: '' }), 503],
  [
    'returns an expiry that is a string, as JSON produces it',
    () => JSON.parse('{"expiresAt":"2999-01-01T00:00:00.000Z"}') as Admission,
    503,
  ],
];

/** Mimics an HttpException from another copy of `@nestjs/common`. */
class ForeignException extends Error {
  getStatus(): number {
    return 402;
  }
}

/** Records the lines that are logged as errors from now on. */
function loggedErrors(): unknown[][] {
  const error = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  farm.onEnd(() => error.mockRestore());
  return error.mock.calls;
}

describe('an authenticate that', () => {
  it.each([...refusals, ...failures])(
    '%s refuses the client with an HTTP status, and no gateway is called',
    async (_name, authenticate, status) => {
      const server = await start({ authenticate, limits: { admissionTime: 50 } });
      const escaped = farm.escapes();

      expect(await refusal(server, '/chat')).toBe(status);

      await eventually(() => expect(server.backplane.counters).toMatchObject({ connections: 0, refused: 1 }));
      expect(notesOf(server)).toEqual([]);
      expect(escaped).toEqual([]);
    },
  );

  it.each([
    ...refusals.map(
      ([name, authenticate]) => [name, authenticate, { code: 1008, reason: 'Refused' }] as const,
    ),
    ...failures.map(
      ([name, authenticate]) => [name, authenticate, { code: 1011, reason: 'Internal error' }] as const,
    ),
  ])('%s closes the client with a code if `refusal` is `closeCode`', async (_name, authenticate, closed) => {
    const server = await start({ authenticate, refusal: 'closeCode', limits: { admissionTime: 50 } });

    const client = await farm.client(server);

    expect(await client.closed).toEqual(closed);
    expect(client.received).toEqual([]);
    await eventually(() => expect(server.backplane.counters).toMatchObject({ connections: 0, refused: 1 }));
    expect(notesOf(server)).toEqual([]);
  });

  it.each(failures)('%s is logged as an error', async (_name, authenticate) => {
    const server = await start({ authenticate, limits: { admissionTime: 50 } });
    const errors = loggedErrors();
    await refusal(server, '/chat');
    expect(errors.map(([line]) => line)).toEqual([
      expect.stringMatching(/^authenticate failed for a client of \/chat: ./),
    ]);
  });

  it('rejects with an error has its stack logged', async () => {
    const server = await start({ authenticate: () => Promise.reject(new Error('no database')) });
    const errors = loggedErrors();
    await refusal(server, '/chat');
    expect(errors[0]?.[1]).toMatch(/^Error: no database\n +at /);
  });

  it.each(refusals)('%s is not logged as an error', async (_name, authenticate) => {
    const server = await start({ authenticate });
    const errors = loggedErrors();
    await refusal(server, '/chat');
    expect(errors).toEqual([]);
  });

  it('refuses with a close code keeps early bytes of the client from the gateway', async () => {
    const server = await start({ authenticate: () => null, refusal: 'closeCode' });
    const client = await RawClient.ask(server, '/chat', {}, eventFrame('note', 'early'));
    await client.closed;
    expect(notesOf(server)).toEqual([]);
  });
});

describe('authenticate', () => {
  it('can decide by path', async () => {
    const paths: string[] = [];
    const authenticate: Authenticate = (_request, path) => {
      paths.push(path);
      return path === '/admin' ? null : {};
    };
    const server = await start({ authenticate });

    expect(await refusal(server, '/admin?as=root')).toBe(401);
    await farm.client(server);

    expect(paths).toEqual(['/admin', '/chat']);
  });

  it('receives the URL and the headers of the request', async () => {
    const server = await start({
      authenticate: ({ url, headers }) => ({ data: [url, headers.cookie] }),
    });
    const client = await farm.client(server, '/chat?token=7', { headers: { cookie: 'sid=1' } });
    client.send('who');
    expect((await client.next('who')).data).toEqual({ data: ['/chat?token=7', 'sid=1'] });
  });

  it('sets the user and the data that every handler sees', async () => {
    const data = { name: 'Ada' };
    const server = await start({ authenticate: () => ({ userId: 'u1', data }) });
    const client = await farm.client(server);
    client.send('who');
    expect((await client.next('who')).data).toEqual({ userId: 'u1', data });
    await server.broadcaster.gateway('/chat').user('u1').emit('for u1');
    await client.next('for u1');
  });

  it('can use a provider that forRootAsync injects', async () => {
    @Injectable()
    class Accounts {
      userOf = (token: string | null): string | null => (token === 's3cret' ? 'u1' : null);
    }
    @Module({ providers: [Accounts], exports: [Accounts] })
    class AccountsModule {}
    const backplane = RedisBackplaneModule.forRootAsync({
      imports: [AccountsModule],
      inject: [Accounts],
      useFactory: (accounts: Accounts) => ({
        ...farm.options(),
        authenticate: ({ url = '' }) => {
          const userId = accounts.userOf(new URL(url, 'ws://server').searchParams.get('token'));
          return userId === null ? null : { userId };
        },
      }),
    });
    const app = await farm.app({ imports: [backplane], providers: [NotingGateway] });
    const server = { port: await listen(app) };

    expect(await refusal(server, '/chat?token=wrong')).toBe(401);
    const client = await farm.client(server, '/chat?token=s3cret');
    client.send('who');
    expect((await client.next('who')).data).toMatchObject({ userId: 'u1' });
  });

  it('is optional: without it every client is admitted', async () => {
    const server = await start({});
    const client = await farm.client(server);
    client.send('who');
    expect((await client.next('who')).data).toEqual({ data: {} });
  });
});
