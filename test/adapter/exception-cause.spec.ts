import { BadRequestException, ForbiddenException } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { ServerLostError } from '../../lib/routing/request.errors.js';
import { startOurs } from '../support/adapters.js';
import { CodecClient, type CodecName } from '../support/codec-client.js';
import { useLog } from '../support/logged.js';
import { useTestFarm } from '../support/test-farm.js';
import { BUG, ThrowingGateway, throwing } from '../support/throwing-gateway.js';

const farm = useTestFarm();
useLog();

describe.each<CodecName>(['json', 'msgpack'])('the cause of an exception in %s', (codec) => {
  let nested: unknown;
  const deep = (levels: number): unknown => {
    nested = 0;
    for (let level = 0; level < levels; level++) nested = [nested];
    return nested;
  };

  async function ask(data: unknown, id?: number): Promise<unknown> {
    const server = await startOurs(farm, { protocols: ['json', 'msgpack'] }, ThrowingGateway);
    const client = await CodecClient.open(`ws://127.0.0.1:${server.port}/chat`, codec);
    farm.onEnd(() => client.socket.terminate());
    client.send({ event: 'throw', data, ...(id !== undefined && { id }) });
    const { data: exception, error } = await client.message(
      ({ event, id }) => event === 'exception' || id === 7,
    );
    return exception ?? error;
  }

  it.each<[name: string, data: unknown]>([
    ['is large', 'x'.repeat(500_000)],
    ['has many elements', Array(90_000).fill(1)],
    ['is nested 90 levels deep', deep(90)],
    ['has large keys', { ['k'.repeat(100_000)]: 1 }],
  ])('is left out if it %s, and the client still gets the error', async (_name, data) => {
    const cases: [error: unknown, expected: object][] = [
      [
        new ForbiddenException('no'),
        { error: 'ForbiddenException', message: 'no', status: 'error', statusCode: 403 },
      ],
      [new WsException('no'), { status: 'error', message: 'no' }],
      [new Error('a bug'), BUG],
      [
        new ServerLostError('x'),
        { status: 'error', error: 'ServerLostError', message: 'The other client has disconnected.' },
      ],
    ];
    for (const [error, expected] of cases) {
      throwing.error = error;
      expect(await ask(data)).toEqual(expected);
      expect(await ask(data, 7)).toEqual(expected);
    }
  });

  it('is sent if it is small', async () => {
    throwing.error = new WsException('no');
    const data = { text: 'x'.repeat(10_000), list: [null, true, 1.5] };
    expect(await ask(data)).toMatchObject({ cause: { pattern: 'throw', data } });
    expect(await ask(data, 7)).toMatchObject({ cause: { pattern: 'throw', data } });
  });

  it('is left out with an exception that cannot be encoded, which becomes an internal error', async () => {
    throwing.error = new WsException({ code: 1n });
    expect(await ask(1)).toEqual(BUG);
    expect(await ask(1, 7)).toEqual(BUG);
    throwing.error = new BadRequestException({ message: [1n] });
    expect(await ask(1)).toEqual(BUG);
    expect(await ask(1, 7)).toEqual(BUG);
  });
});
