import { once } from 'node:events';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { jsonHubProtocol } from '../../lib/signalr/json-hub-protocol.js';
import { msgpackHubProtocol } from '../../lib/signalr/msgpack-hub-protocol.js';
import type { ChatServer } from '../support/chat-app.js';
import { HubGateway } from '../support/hub.gateway.js';
import { negotiated } from '../support/negotiation.js';
import { LATEST, startHub } from '../support/signalr-clients.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
let near: ChatServer;
let far: ChatServer;

function hubServer(): Promise<ChatServer> {
  return farm.server({ ...farm.options(), protocols: ['json', 'msgpack'], signalr: true }, {}, HubGateway);
}

beforeEach(async () => {
  [near, far] = [await hubServer(), await hubServer()];
});

describe.each([jsonHubProtocol, msgpackHubProtocol])('for clients with $name, an emit', (hub) => {
  /** Counts how often an event is encoded for clients of this protocol, from now on. */
  function encodings(): () => number {
    const spy = vi.spyOn(hub, 'derive');
    farm.onEnd(() => spy.mockRestore());
    return () => spy.mock.calls.length;
  }

  it.each([
    ['their own server', (): ChatServer => near],
    ['another server', (): ChatServer => far],
  ])('from %s is encoded once, not once for each of them', async (_name, sender) => {
    const received: string[] = [];
    for (let client = 0; client < 3; client++) {
      const connection = await startHub(farm, LATEST, near.port, { isBinary: hub.binary });
      connection.on('Said', (text: string) => void received.push(text));
    }
    const count = encodings();
    await sender().broadcaster.gateway(HubGateway).emit('Said', 'hello');
    await expect.poll(() => received).toEqual(['hello', 'hello', 'hello']);
    expect(count()).toBe(1);
  });
});

describe('the response to a handshake', () => {
  it.each([
    ['json', false],
    ['messagepack', true],
  ])('with %s is a binary frame: %s', async (protocol, isBinary) => {
    const { connectionToken } = await negotiated(near.port);
    const socket = new WebSocket(`ws://127.0.0.1:${near.port}/hub?id=${connectionToken}`);
    farm.onEnd(() => socket.terminate());
    await once(socket, 'open');
    const response = once(socket, 'message');
    socket.send(`${JSON.stringify({ protocol, version: 1 })}\u001e`);
    const [data, wasBinary] = (await response) as [Buffer, boolean];
    expect([data.toString(), wasBinary]).toEqual(['{}\u001e', isBinary]);
  });
});
