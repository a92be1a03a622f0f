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

/** What handlers of the test answer, and what they tell the test. */
let answer: () => unknown;
let finished: Subject<void>;
let elsewhere: Subject<unknown>;

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

/** All that the client got as the answer, when the question is done with. */
async function answersTo(client: WsClient, result: () => unknown): Promise<unknown[]> {
  answer = result;
  client.send('ask');
  await settled(client);
  return client.received.filter(({ event }) => event !== 'echo');
}

/** The server has dealt with what the client sent before. */
async function settled(client: WsClient): Promise<void> {
  client.send('echo');
  await client.next('echo');
  await turn();
  client.send('echo');
  await client.next('echo');
}

/** As an interval would do: values, and no end. */
const forever = (first: unknown): Observable<unknown> =>
  concat(of(first), NEVER).pipe(finalize(() => finished.next()));

describe('what a handler returns', () => {
  it.each<[name: string, result: () => unknown, sent: unknown[]]>([
    ['an object', () => ({ event: 'a', data: 1 }), [{ event: 'a', data: 1 }]],
    ['an object of another form', () => ({ free: true }), [{ free: true }]],
    ['a number', () => 0, [0]],
    ['false', () => false, [false]],
    ['a promise', () => Promise.resolve({ event: 'a', data: 1 }), [{ event: 'a', data: 1 }]],
    ['an Observable', () => of({ event: 'a' }, { event: 'b' }), [{ event: 'a' }, { event: 'b' }]],
    ['a promise of an Observable', () => Promise.resolve(of('a', 'b')), ['a', 'b']],
    ['an Observable with nothing among its values', () => of('a', undefined, null, 'b'), ['a', 'b']],
    ['an empty Observable', () => EMPTY, []],
    ['undefined', () => undefined, []],
    ['null', () => null, []],
    ['a promise of undefined', () => Promise.resolve(undefined), []],
  ])('%s is sent as it is', async (_name, result, sent) => {
    const client = await connect();
    expect(await answersTo(client, result)).toEqual(sent);
  });

  it('is sent when it is there: a slow handler does not hold up a quick one', async () => {
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

  it('when it is an Observable is unsubscribed when the client goes', async () => {
    const client = await connect();
    expect(await answersTo(client, () => forever('first'))).toEqual(['first']);
    const unsubscribed = new Promise<void>((resolve) => finished.subscribe(resolve));

    await client.close();

    await unsubscribed;
  });

  it('when it is an Observable that comes after the client went is not left running', async () => {
    const client = await connect();
    const [asked, late] = [new Deferred(), new Deferred<unknown>()];
    let running = 0;
    finished.subscribe(() => running--);
    answer = () => {
      asked.resolve();
      return late.promise;
    };
    client.send('ask');
    await asked.promise;
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

describe('what a handler throws', () => {
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
    ['a rejection', () => Promise.reject(new WsException('no')), { status: 'error', message: 'no' }],
    [
      'another error',
      () => {
        throw new Error('secret');
      },
      internal,
    ],
    ['an Observable error', () => throwError(() => new WsException('no')), { message: 'no' }],
    ['a result without a form in JSON', () => circular, internal],
    ['a bigint', () => 1n, internal],
    ['a promise of a result without a form in JSON', () => Promise.resolve(circular), internal],
    ['an Observable value without a form in JSON', () => of(circular), internal],
  ])('%s is an `exception` for its client, and harms nobody', async (_name, result, data) => {
    const client = await connect();
    const escaped = farm.escapes();

    const answers = await answersTo(client, result);

    // rxjs tells what nobody catches in a timer.
    await new Promise((resolve) => setTimeout(resolve));
    expect(escaped).toEqual([]);
    expect(answers).toEqual([{ event: 'exception', data: expect.objectContaining(data) as object }]);
    expect(JSON.stringify(answers)).not.toContain('secret');
  });

  it('an Observable that fails late has sent what came before', async () => {
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
    ['nothing', () => undefined, { id: 7, data: null }],
    ['the last value of an Observable', () => of(1, 2), { id: 7, data: 2 }],
    ['an Observable without values', () => EMPTY, { id: 7, data: null }],
    ['an error', () => Promise.reject(new WsException('no')), failure],
    ['an Observable error', () => throwError(() => new WsException('no')), failure],
    ['an Observable error that comes from elsewhere', () => elsewhere, failure],
    ['a result without a form in JSON', () => circular, failure],
    ['an Observable value without a form in JSON', () => of(circular), failure],
  ])('%s', async (_name, result, answered) => {
    const client = await connect();
    elsewhere = new Subject();
    answer = result;

    client.send('ask', undefined, 7);
    await settled(client);
    elsewhere.error(new WsException('no'));
    await settled(client);

    expect(client.received.filter(({ event }) => event !== 'echo')).toEqual([answered]);
  });
});

it('a gateway finds what the client is in its arguments', async () => {
  const client = await connect();
  client.send('id');
  expect((await client.next('id')).data).toMatch(/^[\w-]{12}\.[\w-]{12}$/);
});
