import { WebSocketGateway, WsException } from '@nestjs/websockets';
import { beforeEach, describe, expect, it } from 'vitest';
import { NotJoinedError } from '../../lib/routing/routing.errors.js';
import { startOurs } from '../support/adapters.js';
import { useLog } from '../support/logged.js';
import { hubConnection, LATEST } from '../support/signalr-clients.js';
import { useTestFarm } from '../support/test-farm.js';

/** What handleConnection throws. */
let thrown: Error;
/** What it waits for before. */
let gate: Promise<void> | undefined;

@WebSocketGateway({ path: '/hub' })
class RefusingGateway {
  async handleConnection(): Promise<never> {
    await gate;
    throw thrown;
  }
}

const farm = useTestFarm();
const log = useLog();
beforeEach(() => (gate = undefined));

/** The code and the reason with which a plain client is closed. */
async function plainClose(error: Error): Promise<{ code: number; reason: string }> {
  thrown = error;
  const client = await farm.client(await startOurs(farm, {}, RefusingGateway), '/hub');
  return client.closed;
}

/** The text that a SignalR client gets. It would reconnect if the server allowed it. */
async function hubClose(error: Error): Promise<string | undefined> {
  thrown = error;
  const { port } = await startOurs(farm, { signalr: true }, RefusingGateway);
  const connection = hubConnection(farm, LATEST, port, { reconnectDelays: [0] });
  const closed = new Promise<string | undefined>((resolve) => {
    connection.onclose((cause) => resolve(cause?.message));
    connection.onreconnecting?.(() => resolve('the client reconnects'));
  });
  let open: () => void = () => undefined;
  gate = new Promise<void>((resolve) => (open = resolve));
  // Otherwise, the message may arrive while the client starts, and `start` would reject with it.
  await connection.start();
  open();
  return closed;
}

describe('a WsException in handleConnection', () => {
  it('closes a plain client with its text as the reason, and is not logged', async () => {
    const error = new WsException('License expired');
    expect(await plainClose(error)).toEqual({ code: 1011, reason: 'License expired' });
    const object = new WsException({ code: 7, message: 'No seat left' });
    expect(await plainClose(object)).toEqual({ code: 1011, reason: 'No seat left' });
    expect(log.errors).toEqual([]);
  });

  it('closes a SignalR client with the text of ASP.NET Core, and the client stays away', async () => {
    expect(await hubClose(new WsException('License expired'))).toBe(
      'Server returned an error on close: Connection closed with an error. HubException: License expired',
    );
    expect(log.errors).toEqual([]);
  });

  it('is shortened to a valid reason, without splitting a character', async () => {
    expect(await plainClose(new WsException('ä'.repeat(61)))).toEqual({ code: 1011, reason: 'ä'.repeat(61) });
    const { reason } = await plainClose(new WsException(`x${'😀'.repeat(40)}`));
    expect(reason).toBe(`x${'😀'.repeat(29)}…`);
  });
});

describe('any other error in handleConnection', () => {
  it('is logged, and its message reaches no client', async () => {
    expect(await plainClose(new Error('a secret'))).toEqual({
      code: 1011,
      reason: 'handleConnection failed',
    });
    expect(await plainClose(new WsException(''))).toMatchObject({ reason: 'handleConnection failed' });
    expect(await hubClose(new Error('a secret'))).toBe(
      'Server returned an error on close: Connection closed with an error.',
    );
    expect(log.errors.map(([line]) => line)).toEqual([
      'handleConnection failed: a secret',
      expect.stringMatching(/^handleConnection failed: /),
      'handleConnection failed: a secret',
    ]);
  });

  it('closes with 1013 if a retry may help', async () => {
    expect(await plainClose(new NotJoinedError('room', new Error('no Redis')))).toEqual({
      code: 1013,
      reason: 'handleConnection failed',
    });
  });
});
