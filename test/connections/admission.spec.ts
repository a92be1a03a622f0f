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
import { RawClient, refusal } from '../support/raw-client.js';
import { listen, useTestFarm } from '../support/test-farm.js';

@WebSocketGateway({ path: '/admin' })
class AdminGateway {}

const farm = useTestFarm();

function start(edge: EdgeOptions): Promise<ChatServer> {
  return farm.server({ ...farm.options(), ...edge }, { providers: [AdminGateway] }, NotingGateway);
}

const notesOf = ({ app }: ChatServer): unknown[] => app.get(NotingGateway).notes;

const refusals: [name: string, authenticate: Authenticate, status: number][] = [
  ['null', () => null, 401],
  ['a promise of null', () => Promise.resolve(null), 401],
  [
    'ForbiddenException',
    () => {
      throw new ForbiddenException();
    },
    403,
  ],
  ['a rejection with UnauthorizedException', () => Promise.reject(new UnauthorizedException('who?')), 401],
  ['an exception of another copy of Nest', () => Promise.reject(new ForeignException()), 402],
];

const failures: [name: string, authenticate: Authenticate, status: number][] = [
  [
    'a throw',
    () => {
      throw new Error('no database');
    },
    503,
  ],
  ['a rejection', () => Promise.reject(new Error('no database')), 503],
  [
    'a throw of undefined',
    () => {
      // As careless code does.
      // eslint-disable-next-line @typescript-eslint/only-throw-error
      throw undefined;
    },
    503,
  ],
  [
    'a throw of null',
    () => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error
      throw null;
    },
    503,
  ],
  ['nothing that is returned', (() => undefined) as unknown as Authenticate, 503],
  ['true that is returned', (() => true) as unknown as Authenticate, 503],
  ['an exception whose status is no refusal', () => Promise.reject(new HttpException('fine', 200)), 503],
  ['an exception with a status of the server', () => Promise.reject(new BadGatewayException()), 502],
  ['no time left', () => new Promise(() => undefined), 503],
  ['a user id that is none', () => ({ userId: '' }), 503],
  [
    'an expiry that is no Date, as JSON makes one',
    () => JSON.parse('{"expiresAt":"2999-01-01T00:00:00.000Z"}') as Admission,
    503,
  ],
];

/** An HttpException as another copy of `@nestjs/common` makes it. */
class ForeignException extends Error {
  getStatus(): number {
    return 402;
  }
}

/** The lines that the server logs as errors from now on. */
function loggedErrors(): unknown[][] {
  const error = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  farm.onEnd(() => error.mockRestore());
  return error.mock.calls;
}

describe('a client that is refused', () => {
  it.each([...refusals, ...failures])(
    'by %s reads the status, and no gateway hears of it',
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
  ])('by %s is closed with a code where a browser shall read why', async (_name, authenticate, closed) => {
    const server = await start({ authenticate, refusal: 'closeCode', limits: { admissionTime: 50 } });

    const client = await farm.client(server);

    expect(await client.closed).toEqual(closed);
    expect(client.received).toEqual([]);
    await eventually(() => expect(server.backplane.counters).toMatchObject({ connections: 0, refused: 1 }));
    expect(notesOf(server)).toEqual([]);
  });

  it.each(failures)(
    'because authenticate failed, by %s, is an error in the log',
    async (_name, authenticate) => {
      const server = await start({ authenticate, limits: { admissionTime: 50 } });
      const errors = loggedErrors();
      await refusal(server, '/chat');
      expect(errors.map(([line]) => line)).toEqual([
        expect.stringMatching(/^authenticate failed for a client of \/chat: ./),
      ]);
    },
  );

  it('because authenticate failed leaves the stack in the log', async () => {
    const server = await start({ authenticate: () => Promise.reject(new Error('no database')) });
    const errors = loggedErrors();
    await refusal(server, '/chat');
    expect(errors[0]?.[1]).toMatch(/^Error: no database\n +at /);
  });

  it.each(refusals)('by %s is no error in the log', async (_name, authenticate) => {
    const server = await start({ authenticate });
    const errors = loggedErrors();
    await refusal(server, '/chat');
    expect(errors).toEqual([]);
  });

  it('with a close code cannot reach a handler with what it sent at once', async () => {
    const server = await start({ authenticate: () => null, refusal: 'closeCode' });
    const client = await RawClient.ask(server, '/chat', {}, Buffer.from('early bytes'));
    await client.closed;
    expect(notesOf(server)).toEqual([]);
  });
});

describe('admission', () => {
  it('may differ by path', async () => {
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

  it('sees the request: its URL and its headers', async () => {
    const server = await start({
      authenticate: ({ url, headers }) => ({ data: [url, headers.cookie] }),
    });
    const client = await farm.client(server, '/chat?token=7', { headers: { cookie: 'sid=1' } });
    client.send('who');
    expect((await client.next('who')).data).toEqual({ data: ['/chat?token=7', 'sid=1'] });
  });

  it('gives the user and the data to every handler', async () => {
    const data = { name: 'Ada' };
    const server = await start({ authenticate: () => ({ userId: 'u1', data }) });
    const client = await farm.client(server);
    client.send('who');
    expect((await client.next('who')).data).toEqual({ userId: 'u1', data });
    await server.broadcaster.gateway('/chat').user('u1').emit('for u1');
    await client.next('for u1');
  });

  it('asks a provider of the app, which forRootAsync injects', async () => {
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

  it('asks nobody where there is no authenticate', async () => {
    const server = await start({});
    const client = await farm.client(server);
    client.send('who');
    expect((await client.next('who')).data).toEqual({ data: {} });
  });
});
