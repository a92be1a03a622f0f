import { describe, expect, it, vi } from 'vitest';
import type { HubProtocol } from '../../lib/signalr/hub-protocol.js';
import { jsonHubProtocol } from '../../lib/signalr/json-hub-protocol.js';
import { msgpackHubProtocol } from '../../lib/signalr/msgpack-hub-protocol.js';
import { Proxy } from '../faults/proxy.js';
import type { ChatServer } from '../support/chat-app.js';
import { HubGateway } from '../support/hub.gateway.js';
import { type HubConnection, LATEST, startHub, uploader } from '../support/signalr-clients.js';
import { turn, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const ROUNDS = 3;
const PER_ROUND = 100;

function hubServer(): Promise<ChatServer> {
  return farm.server({ ...farm.options(), protocols: ['json', 'msgpack'], signalr: true }, {}, HubGateway);
}

async function proxyTo({ port }: ChatServer): Promise<Proxy> {
  const proxy = await Proxy.open(port);
  farm.onEnd(() => proxy.close());
  return proxy;
}

/** Starts a stream and cancels it once its first item has arrived. */
function cancelStream(connection: HubConnection): Promise<void> {
  return new Promise((resolve, reject) => {
    const subscription = connection.stream('Forever').subscribe({
      next: () => {
        subscription.dispose();
        resolve();
      },
      error: reject,
      complete: resolve,
    });
  });
}

/** Counts the acknowledgments that the server writes. */
function acknowledgments(hub: HubProtocol): () => number {
  const spy = vi.spyOn(hub, 'acknowledgment');
  farm.onEnd(() => spy.mockRestore());
  return () => spy.mock.calls.length;
}

describe.each([jsonHubProtocol, msgpackHubProtocol])('Microsoft’s client 10.0 with $name', (hub) => {
  it('repeats no call, item, result or cancellation after two cuts', async () => {
    const [near, far] = [await hubServer(), await hubServer()];
    const proxy = await proxyTo(near);
    const connection = await startHub(farm, LATEST, proxy.port, { isStateful: true, isBinary: hub.binary });
    connection.on('Question', (question: number) => question * 2);
    const { id } = await connection.invoke<{ id: string }>('Id');
    const asked = far.broadcaster.gateway(HubGateway).connection(id);
    const gateway = near.app.get(HubGateway);
    const count = acknowledgments(hub);

    const numbers = uploader<number>(LATEST);
    const sum = connection.invoke('Sum', numbers);
    const [answers, notes, streams]: [Promise<unknown>[], Promise<unknown>[], Promise<void>[]] = [[], [], []];
    for (let round = 0; round < ROUNDS; round++) {
      for (let index = 0; index < PER_ROUND; index++) {
        const number = round * PER_ROUND + index;
        numbers.next(number);
        answers.push(asked.invoke('Question', number));
        notes.push(connection.invoke('Note', `note ${number}`));
        if (index % 10 === 0) streams.push(cancelStream(connection));
        if (round > 0 && index === PER_ROUND / 2) proxy.cut();
        if (index % 10 === 5) await turn();
      }
      await Promise.all([...answers, ...notes, ...streams]);
      // Only with an acknowledgment that counts every message does the client know which ones to repeat.
      const acknowledged = count();
      await connection.invoke('Echo', round);
      if (round === 0) await expect.poll(count).toBeGreaterThan(acknowledged);
    }
    numbers.complete();

    const all = Array.from({ length: ROUNDS * PER_ROUND }, (_, number) => number);
    expect(await sum).toBe(all.reduce((total, number) => total + number));
    expect(await Promise.all(answers)).toEqual(all.map((number) => number * 2));
    expect(gateway.log.filter((line) => line.startsWith('note'))).toEqual(
      all.map((number) => `note ${number}`),
    );
    await expect
      .poll(() => gateway.log.filter((line) => line === 'forever ended').length)
      .toBe(streams.length);
    expect(gateway.disconnected).toEqual([]);
  });
});
