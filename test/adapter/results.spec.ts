import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WsException,
} from '@nestjs/websockets';
import { concat, defer, EMPTY, finalize, NEVER, type Observable, of, Subject, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { Deferred } from '../../lib/bus/deferred.js';
import type { WsClient } from '../support/ws-client.js';
import { turn, useTestFarm } from '../support/test-farm.js';

/** What the handler of `ask` returns. */
let answer: () => unknown;
/** Emits when a stream of `forever` is torn down. */
let finished: Subject<void>;
/** A stream that the test fails after the handler has returned it. */
let failsLater: Subject<unknown>;

@WebSocketGateway({ path: '/chat' })
class AnsweringGateway {
  @SubscribeMessage('ask')
  ask(): unknown {
    return answer();
  }

  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown) {
    return { event: 'echo', data };
  }

  @SubscribeMessage('id')
  id(@ConnectedSocket() client: BackplaneConnection) {
    return { event: 'id', data: client.id };
  }
}

const farm = useTestFarm();

async function connect(): Promise<WsClient> {
  finished = new Subject();
  return farm.client(await farm.server(farm.options(), {}, AnsweringGateway));
}

/** Everything that the client gets in reply to `ask`. */
async function answersTo(client: WsClient, result: () => unknown): Promise<unknown[]> {
  answer = result;
  client.send('ask');
  await settled(client);
  return client.received.filter(({ event }) => event !== 'echo');
}

/** Resolves once the server has handled the earlier messages of the client. */
async function settled(client: WsClient): Promise<void> {
  client.send('echo');
  await client.next('echo');
  await turn();
  client.send('echo');
  await client.next('echo');
}

/** Never completes, like an interval. */
const forever = (first: unknown): Observable<unknown> =>
  concat(of(first), NEVER).pipe(finalize(() => finished.next()));

describe('the result of a handler', () => {
  it.each<[name: string, result: () => unknown, sent: unknown[]]>([
    ['an object', () => ({ event: 'a', data: 1 }), [{ event: 'a', data: 1 }]],
    ['an object without an event', () => ({ free: true }), [{ free: true }]],
    ['a number', () => 0, [0]],
    ['false', () => false, [false]],
    ['a promise', () => Promise.resolve({ event: 'a', data: 1 }), [{ event: 'a', data: 1 }]],
    ['an Observable', () => of({ event: 'a' }, { event: 'b' }), [{ event: 'a' }, { event: 'b' }]],
    ['a promise of an Observable', () => Promise.resolve(of('a', 'b')), ['a', 'b']],
    [
      'an Observable with undefined and null among its values',
      () => of('a', undefined, null, 'b'),
      ['a', 'b'],
    ],
    ['an empty Observable', () => EMPTY, []],
    ['undefined', () => undefined, []],
    ['null', () => null, []],
    ['a promise of undefined', () => Promise.resolve(undefined), []],
  ])('is sent unchanged if it has a value: %s', async (_name, result, sent) => {
    const client = await connect();
    expect(await answersTo(client, result)).toEqual(sent);
  });

  it('is sent as soon as it is available: a slow handler does not delay a fast one', async () => {
    const client = await connect();
    const slow = new Deferred<unknown>();
    answer = () => slow.promise;

    client.send('ask');
    client.send('echo', 'quick');
    await client.next('echo');
    slow.resolve({ event: 'slow' });

    await client.next('slow');
    expect(client.received.map(({ event }) => event)).toEqual(['echo', 'slow']);
  });

  it('that is an Observable is unsubscribed when the client disconnects', async () => {
    const client = await connect();
    expect(await answersTo(client, () => forever('first'))).toEqual(['first']);
    const unsubscribed = new Promise<void>((resolve) => finished.subscribe(resolve));

    await client.close();

    await unsubscribed;
  });

  it('that is an Observable is not left running if the client has already disconnected', async () => {
    const client = await connect();
    const [called, late] = [new Deferred(), new Deferred<unknown>()];
    let running = 0;
    finished.subscribe(() => running--);
    answer = () => {
      called.resolve();
      return late.promise;
    };
    client.send('ask');
    await called.promise;
    await client.close();

    late.resolve(
      defer(() => {
        running++;
        return forever('late');
      }),
    );

    await late.promise;
    await turn();
    expect(running).toBe(0);
  });
});

describe('a failure of a handler', () => {
  const internal = { status: 'error', message: 'Internal server error' };
  const circular: Record<string, unknown> = {};
  circular.self = circular;

  it.each<[name: string, result: () => unknown, data: object]>([
    [
      'a WsException',
      () => {
        throw new WsException('no');
      },
      { status: 'error', message: 'no' },
    ],
    [
      'a WsException with an object',
      () => {
        throw new WsException({ code: 7 });
      },
      { code: 7 },
    ],
    ['a rejected promise', () => Promise.reject(new WsException('no')), { status: 'error', message: 'no' }],
    [
      'another error',
      () => {
        throw new Error('secret');
      },
      internal,
    ],
    ['an Observable that fails', () => throwError(() => new WsException('no')), { message: 'no' }],
    ['a result that JSON cannot encode', () => circular, internal],
    ['a bigint', () => 1n, internal],
    ['a promise of a result that JSON cannot encode', () => Promise.resolve(circular), internal],
    ['an Observable value that JSON cannot encode', () => of(circular), internal],
  ])('is sent to its client as an `exception`, and no error escapes: %s', async (_name, result, data) => {
    const client = await connect();
    const escaped = farm.escapes();

    const answers = await answersTo(client, result);

    // RxJS rethrows unhandled errors in a timer.
    await new Promise((resolve) => setTimeout(resolve));
    expect(escaped).toEqual([]);
    expect(answers).toEqual([{ event: 'exception', data: expect.objectContaining(data) as object }]);
    expect(JSON.stringify(answers)).not.toContain('secret');
  });

  it('in an Observable is sent after the values before it', async () => {
    const client = await connect();

    const answers = await answersTo(client, () =>
      concat(
        of('a'),
        throwError(() => new WsException('no')),
      ),
    );

    expect(answers).toEqual([
      'a',
      { event: 'exception', data: expect.objectContaining({ message: 'no' }) as object },
    ]);
  });
});

describe('a frame with an id is always answered with that id', () => {
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const failure = { id: 7, error: expect.objectContaining({ status: 'error' }) as object };

  it.each<[name: string, result: () => unknown, answered: object]>([
    ['an event', () => ({ event: 'a', data: 1 }), { id: 7, data: 1 }],
    ['no result', () => undefined, { id: 7, data: null }],
    ['the last value of an Observable', () => of(1, 2), { id: 7, data: 2 }],
    ['an Observable without values', () => EMPTY, { id: 7, data: null }],
    ['a rejected promise', () => Promise.reject(new WsException('no')), failure],
    ['an Observable that fails', () => throwError(() => new WsException('no')), failure],
    ['an Observable that fails later', () => failsLater, failure],
    ['a result that JSON cannot encode', () => circular, failure],
    ['an Observable value that JSON cannot encode', () => of(circular), failure],
  ])('for %s', async (_name, result, answered) => {
    const client = await connect();
    failsLater = new Subject();
    answer = result;

    client.send('ask', undefined, 7);
    await settled(client);
    failsLater.error(new WsException('no'));
    await settled(client);

    expect(client.received.filter(({ event }) => event !== 'echo')).toEqual([answered]);
  });
});

it('a handler gets the connection through @ConnectedSocket()', async () => {
  const client = await connect();
  client.send('id');
  expect((await client.next('id')).data).toMatch(/^[\w-]{12}\.[\w-]{12}$/);
});
