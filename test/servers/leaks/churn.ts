import { once } from 'node:events';
import { connect } from 'node:net';
import type { Broadcaster } from 'nestjs-redis-backplane';
import { WebSocket } from 'ws';

// Clients that use every feature and disconnect in every way, in the same process as their servers.

export interface ChurnServer {
  readonly port: number;
  readonly broadcaster: Broadcaster;
}

interface Message {
  readonly event?: string;
  readonly id?: string | number;
  readonly data?: unknown;
}

const WAYS = ['closes', 'vanishes', 'is kicked', 'closes itself by a handler'] as const;
const INVOKE_TIMEOUT_MS = 500;

class ChurnClient {
  private readonly socket: WebSocket;
  private readonly replies = new Map<string | number, (data: unknown) => void>();
  private number = 0;
  readonly closed: Promise<unknown>;

  constructor(port: number, query: string) {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}/chat?${query}`);
    this.socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => this.socket.once('close', resolve));
    this.socket.on('message', (bytes: Buffer) => this.receive(JSON.parse(bytes.toString()) as Message));
  }

  get opened(): Promise<unknown> {
    return once(this.socket, 'open');
  }

  ask(event: string, data?: unknown): Promise<unknown> {
    const id = ++this.number;
    const replied = new Promise((resolve) => this.replies.set(id, resolve));
    this.socket.send(JSON.stringify({ event, data, id }));
    return replied;
  }

  send(event: string, data?: unknown): void {
    this.socket.send(JSON.stringify({ event, data }));
  }

  close(): void {
    this.socket.close();
  }

  vanish(): void {
    this.socket.terminate();
  }

  private receive({ event, id, data }: Message): void {
    if (event === 'question') this.socket.send(JSON.stringify({ id, data: 'answer' }));
    else if (event === undefined && id !== undefined) {
      this.replies.get(id)?.(data);
      this.replies.delete(id);
    }
  }
}

/** Runs this many clients from connect to close. Resolves once the last one has closed. */
export async function churn(
  near: ChurnServer,
  far: ChurnServer,
  clients: number,
  shared: AbortSignal,
): Promise<void> {
  const numbers = Array.from({ length: clients }, (_, number) => number);
  const lane = async (): Promise<void> => {
    for (let number = numbers.pop(); number !== undefined; number = numbers.pop()) {
      await life(near, far, number, shared);
      if (number % 5 === 0) await refused(near.port);
      if (number % 5 === 1) await vanishWhileWaiting(near.port);
    }
  };
  await Promise.all(Array.from({ length: 25 }, lane));
}

async function life(near: ChurnServer, far: ChurnServer, number: number, shared: AbortSignal): Promise<void> {
  // Expires long after the client has closed, so its timer must be removed on close.
  const client = new ChurnClient(near.port, `user=${number}&expires=3600000`);
  await client.opened;
  const id = (await client.ask('id')) as string;
  const groups = [`own-${number}`, 'all of them'];
  for (const group of groups) await client.ask('join', group);
  if (number % 2 === 0) await client.ask('leave', groups[0]);
  await client.ask('renew', 7_200_000);
  await client.ask('ask back');
  client.send('watch');
  client.send('nobody handles this', number);
  await far.broadcaster.connection(id).join('by the far one');
  await Promise.all([
    far.broadcaster.connection(id).invoke('question', number, { signal: shared }),
    near.broadcaster.user(`${number}`).invokeAll('question', number, { signal: shared }),
    near.broadcaster.group('all of them').except(id).emit('told', number),
    far.broadcaster.volatile.user(`${number}`).emit('told', number),
  ]);
  await Promise.all([aborted(near, id), aborted(far, id), unanswered(far, id)]);
  await leave(client, far, id, WAYS[number % WAYS.length]);
  await client.closed;
  await far.broadcaster
    .connection(id)
    .invoke('question', number, { timeout: INVOKE_TIMEOUT_MS, signal: shared })
    .catch(() => undefined);
}

async function aborted({ broadcaster }: ChurnServer, id: string): Promise<void> {
  const abort = new AbortController();
  const asked = broadcaster.connection(id).invoke('silence', undefined, {
    timeout: INVOKE_TIMEOUT_MS,
    signal: abort.signal,
  });
  setImmediate(() => abort.abort());
  await asked.catch(() => undefined);
}

async function unanswered({ broadcaster }: ChurnServer, id: string): Promise<void> {
  const asked = broadcaster.connection(id).invoke('silence', undefined, { timeout: 20 });
  await asked.catch(() => undefined);
}

async function leave(
  client: ChurnClient,
  far: ChurnServer,
  id: string,
  way: (typeof WAYS)[number] = 'closes',
): Promise<void> {
  if (way === 'closes') client.close();
  else if (way === 'vanishes') client.vanish();
  else if (way === 'is kicked') await far.broadcaster.connection(id).disconnect(4000, 'kicked');
  else client.send('close me');
}

async function refused(port: number): Promise<void> {
  await new ChurnClient(port, 'refuse').closed;
}

/** Sends bytes before it is admitted and resets the connection. */
async function vanishWhileWaiting(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  const head = [
    'GET /chat?user=gone&wait HTTP/1.1',
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    '',
    'early bytes',
  ];
  socket.write(head.join('\r\n'), () => socket.resetAndDestroy());
  await closed;
}
