import { beforeEach, describe, expect, it } from 'vitest';
import { Outbox } from '../../lib/bus/outbox.js';
import { PublishRefusedError } from '../../lib/bus/transport.js';
import { decodeEnvelope } from '../../lib/protocol/envelope.js';
import { record } from '../support/bus-farm.js';
import { FakeTransport, settled, stateOf } from '../support/fake-transport.js';

const SERVER_ID = 'AbCdEfGhIj-_';
const REFUSED = new PublishRefusedError('the publisher link to Redis is down');
const UNKNOWN = new Error('the connection broke');

let transport: FakeTransport;
let sent: number[];
let clock: number;
let outbox: Outbox;

beforeEach(() => {
  transport = new FakeTransport();
  sent = [];
  clock = 0;
  outbox = new Outbox(
    SERVER_ID,
    transport,
    () => clock,
    5000,
    (number) => sent.push(number),
  );
});

/** The envelopes that the transport got: channel, number, and the texts of the records. */
function published(): [channel: string, number: number, texts: string][] {
  return transport.commands.map(({ channels, bytes }) => {
    const decoded = decodeEnvelope(bytes ?? Buffer.alloc(0));
    if (!decoded.ok) throw new Error(`is ${decoded.reason}`);
    expect(decoded.envelope.origin).toBe(SERVER_ID);
    const texts = decoded.envelope.records.map(({ body }) => body.toString()).join(' ');
    return [channels.join(), decoded.envelope.number, texts];
  });
}

const publish = (channels: string[], text: string): Promise<unknown> =>
  outbox.publish(channels, record(text));

describe('records of one tick', () => {
  it('share an envelope if they are consecutive and for the same channels', async () => {
    void publish(['a'], '1');
    void publish(['a'], '2');
    void publish(['b'], '3');
    void publish(['a'], '4');
    expect(transport.commands).toEqual([]);
    await settled();
    expect(published()).toEqual([
      ['a', 1, '1 2'],
      ['b', 2, '3'],
      ['a', 3, '4'],
    ]);
    expect(sent).toEqual([1, 2, 3]);
  });

  it('keep their order, and later ticks come later', async () => {
    for (const text of ['1', '2']) void publish(['a'], text);
    await settled();
    for (const text of ['3', '4']) void publish(['a'], text);
    await settled();
    expect(published()).toEqual([
      ['a', 1, '1 2'],
      ['a', 2, '3 4'],
    ]);
  });

  it('have one number and the same bytes on each of several channels', async () => {
    void publish(['a', 'b'], '1');
    void publish(['a', 'b'], '2');
    void publish(['b', 'a'], '3');
    await settled();
    expect(published()).toEqual([
      ['a', 1, '1 2'],
      ['b', 1, '1 2'],
      ['b', 2, '3'],
      ['a', 2, '3'],
    ]);
    expect(transport.command(0).bytes?.equals(transport.command(1).bytes ?? Buffer.alloc(0))).toBe(true);
    expect(sent).toEqual([1, 2]);
  });

  it('share an envelope up to 64 KiB, and larger ones have their own', async () => {
    const half = 'x'.repeat(31 * 1024);
    for (const text of [half, half, half, 'y'.repeat(100_000), 'z', 'z']) void publish(['a'], text);
    await settled();
    const sizes = published().map(([, , texts]) => texts.split(' ').length);
    expect(sizes).toEqual([2, 1, 1, 2]);
  });

  it('are sent at once by flush, and not again at the end of the tick', async () => {
    void publish(['a'], '1');
    outbox.flush();
    expect(published()).toEqual([['a', 1, '1']]);
    await settled();
    void publish(['a'], '2');
    await settled();
    expect(published().slice(1)).toEqual([['a', 2, '2']]);
  });
});

describe('the outcome', () => {
  it('is that of the shared envelope, once Redis has answered for every channel', async () => {
    const outcomes = [publish(['a', 'b'], '1'), publish(['a', 'b'], '2')].map(stateOf);
    await settled();
    transport.command(0).reply.resolve();
    await settled();
    expect(outcomes.map((state) => state())).toEqual(['pending', 'pending']);
    transport.command(1).reply.resolve();
    await settled();
    expect(outcomes.map((state) => state())).toEqual(['resolved', 'resolved']);
  });

  it.each<[what: string, answers: (Error | undefined)[], refused: boolean]>([
    ['refused if Redis refused every channel', [REFUSED, REFUSED], true],
    ['unknown if Redis accepted one channel', [undefined, REFUSED], false],
    ['unknown if Redis may have accepted one channel', [REFUSED, UNKNOWN], false],
    ['unknown if the connection broke', [UNKNOWN, UNKNOWN], false],
  ])('is %s', async (_what, answers, refused) => {
    const outcome = publish(['a', 'b'], '1').catch((error: unknown) => error);
    await settled();
    answers.forEach((answer, index) => {
      const { reply } = transport.command(index);
      if (answer) reply.reject(answer);
      else reply.resolve();
    });
    const error = await outcome;
    expect(error).toBeInstanceOf(Error);
    expect(error instanceof PublishRefusedError).toBe(refused);
    if (!refused) expect(error).toMatchObject({ cause: answers.find((answer) => answer !== undefined) });
  });

  it('of one envelope does not affect the next', async () => {
    const first = publish(['a'], '1');
    await settled();
    const second = publish(['a'], '2');
    await settled();
    transport.command(0).reply.reject(UNKNOWN);
    transport.command(1).reply.resolve();
    await expect(first).rejects.toThrow('the connection broke');
    await second;
  });
});

describe('a Redis that does not answer', () => {
  // The record's length and kind add a few bytes, so 32 of them exceed the limit.
  const MEGABYTE = 'x'.repeat(1024 * 1024);

  it('gets at most 32 MiB; then publish rejects until it answers', async () => {
    const taken = Array.from({ length: 32 }, () => stateOf(publish(['a'], MEGABYTE)));
    await settled();
    await expect(publish(['a'], 'more')).rejects.toThrow(PublishRefusedError);
    expect(transport.commands).toHaveLength(32);
    expect(taken.map((state) => state())).not.toContain('rejected');
    transport.command(0).reply.resolve();
    transport.command(1).reply.reject(UNKNOWN);
    await settled();
    const later = publish(['a'], 'later');
    await settled();
    expect(published().at(-1)).toEqual(['a', 33, 'later']);
    transport.command(-1).reply.resolve();
    await later;
  });

  it('gets a message once per channel, and the bytes count for each channel', async () => {
    const channels = Array.from({ length: 16 }, (_, index) => `c${index}`);
    const taken = [publish(channels, MEGABYTE), publish(channels, MEGABYTE)];
    await settled();
    await expect(publish(['a'], 'more')).rejects.toThrow(PublishRefusedError);
    expect(transport.commands).toHaveLength(32);
    for (let index = 0; index < 32; index++) transport.command(index).reply.resolve();
    await Promise.all(taken);
    const again = [publish(channels, MEGABYTE), publish(channels, 'x')].map(stateOf);
    await settled();
    expect(again.map((state) => state())).toEqual(['pending', 'pending']);
  });

  it('is waited for until the timeout; then the outcome is unknown', async () => {
    const early = publish(['a'], 'early');
    await settled();
    clock = 4000;
    const late = stateOf(publish(['b'], 'late'));
    await settled();
    clock = 5001;
    outbox.timeOut();
    await expect(early).rejects.toThrow('did not answer within 5000 ms');
    await expect(early).rejects.not.toBeInstanceOf(PublishRefusedError);
    expect(late()).toBe('pending');
  });
});

describe('the count of published envelopes', () => {
  it('leaves out those that Redis certainly did not accept', async () => {
    const first = publish(['a'], '1');
    await settled();
    const second = publish(['a'], '2');
    await settled();
    transport.command(0).reply.reject(REFUSED);
    transport.command(1).reply.reject(UNKNOWN);
    await expect(first).rejects.toThrow(PublishRefusedError);
    await expect(second).rejects.toThrow('the connection broke');
    expect(outbox.published).toBe(1);
  });
});
