import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { type Observable, of } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { CancelSignal, UploadStream } from '../../lib/adapter/handler-parameters.js';
import type { ChatServer } from '../support/chat-app.js';
import { heapUsed } from '../support/heap.js';
import { type HubFrame, RawHubClient } from '../support/raw-hub-client.js';
import { useTestFarm } from '../support/test-farm.js';

/** More than a connection may have at once. */
const CALLS = 1100;
const IDS = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
const LAST = '9';

@WebSocketGateway({ path: '/hub' })
class CountingGateway {
  readonly signals: WeakRef<AbortSignal>[] = [];

  @SubscribeMessage('One')
  one(): Observable<number> {
    return of(1);
  }

  @SubscribeMessage('Sum')
  async sum(@UploadStream() numbers: AsyncIterable<number>): Promise<number> {
    let sum = 0;
    for await (const number of numbers) sum += number;
    return sum;
  }

  @SubscribeMessage('Watched')
  watched(@CancelSignal() signal: AbortSignal): void {
    this.signals.push(new WeakRef(signal));
  }
}

const farm = useTestFarm();
let server: ChatServer;
let client: RawHubClient;

beforeEach(async () => {
  server = await farm.server({ ...farm.options(), signalr: true }, {}, CountingGateway);
  client = await RawHubClient.open(farm, server.port);
});

/** Sends messages and resolves with what the client gets up to the completion of the last of the calls. */
async function framesOf(...messages: object[]): Promise<HubFrame[]> {
  client.frames.length = 0;
  client.send(...messages);
  await client.completion(LAST);
  return [...client.frames];
}

const stream = (id: string): object => ({ type: 4, invocationId: id, target: 'One', arguments: [] });
const upload = (id: string): object[] => [
  { type: 1, invocationId: id, target: 'Sum', arguments: [], streamIds: [`s${id}`] },
  { type: 2, invocationId: `s${id}`, item: 40 },
  { type: 2, invocationId: `s${id}`, item: 2 },
  { type: 3, invocationId: `s${id}` },
];

describe('a call that has ended', () => {
  it(`no longer counts, so that one connection may have ${CALLS} streams and as many uploads, with ten ids`, async () => {
    for (let calls = 0; calls < CALLS; calls += IDS.length) {
      const frames = await framesOf(...IDS.map(stream));
      expect(frames.filter(({ type }) => type === 3)).toEqual(
        IDS.map((invocationId) => ({ type: 3, invocationId })),
      );
    }
    for (let calls = 0; calls < CALLS; calls += IDS.length)
      expect(await framesOf(...IDS.flatMap(upload))).toEqual(
        IDS.map((invocationId) => ({ type: 3, invocationId, result: 42 })),
      );
  });

  it('takes no memory while its client stays connected', async () => {
    const { signals } = server.app.get(CountingGateway);
    for (let call = 0; call < 20; call++)
      await framesOf({ type: 1, invocationId: LAST, target: 'Watched', arguments: [] });
    expect(signals).toHaveLength(20);
    await expect
      .poll(async () => {
        await heapUsed();
        return signals.filter((signal) => signal.deref()).length;
      })
      // Nest and V8 may hold on to the last one.
      .toBeLessThanOrEqual(1);
    expect(client.closeCode).toBeUndefined();
  });
});
