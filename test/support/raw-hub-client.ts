import { once } from 'node:events';
import { WebSocket } from 'ws';
import { negotiated } from './negotiation.js';
import type { TestFarm } from './test-farm.js';

const SEPARATOR = '\u001e';

export type HubFrame = Readonly<Record<string, unknown>>;

export interface RawHubOptions {
  readonly isStateful?: boolean;
  readonly userId?: string;
}

/** A SignalR client in JSON that sends whatever the test wants. */
export class RawHubClient {
  readonly frames: HubFrame[] = [];
  closeCode: number | undefined;
  private readonly changed = new Set<() => void>();

  private constructor(
    readonly socket: WebSocket,
    /** With which it has connected. */
    readonly token: string,
  ) {
    socket.on('message', (data: Buffer) => {
      for (const text of data.toString().split(SEPARATOR).slice(0, -1))
        this.frames.push(JSON.parse(text) as HubFrame);
      this.notify();
    });
    socket.on('close', (code) => {
      this.closeCode = code;
      this.notify();
    });
    socket.on('error', () => undefined);
  }

  /** Connects, without a handshake. */
  static async connect(
    farm: TestFarm,
    port: number,
    { isStateful = false, userId = '' }: RawHubOptions = {},
  ): Promise<RawHubClient> {
    const user = `&access_token=${userId}`;
    const query = `?negotiateVersion=1${isStateful ? '&useStatefulReconnect=true' : ''}${user}`;
    const { connectionToken = '' } = await negotiated(port, query);
    return RawHubClient.connectWith(farm, port, connectionToken, user);
  }

  /** Connects with a token, without a handshake: to resume the session of that token. */
  static async connectWith(farm: TestFarm, port: number, token: string, query = ''): Promise<RawHubClient> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/hub?id=${token}${query}`);
    farm.onEnd(() => socket.terminate());
    const client = new RawHubClient(socket, token);
    await once(socket, 'open');
    return client;
  }

  /** Connects and performs the handshake. */
  static async open(farm: TestFarm, port: number, options: RawHubOptions = {}): Promise<RawHubClient> {
    const client = await RawHubClient.connect(farm, port, options);
    client.send({ protocol: 'json', version: options.isStateful ? 2 : 1 });
    await client.until(({ frames }) => frames.length === 1);
    client.frames.length = 0;
    return client;
  }

  send(...messages: object[]): void {
    this.sendText(messages.map((message) => JSON.stringify(message) + SEPARATOR).join(''));
  }

  sendText(text: string): void {
    this.socket.send(text);
  }

  /** Resolves when the condition holds. */
  async until(condition: (client: this) => boolean): Promise<void> {
    while (!condition(this)) await new Promise<void>((resolve) => this.changed.add(resolve));
  }

  /** The completion of an invocation, once it has arrived. */
  async completion(id: string): Promise<HubFrame> {
    const find = (): HubFrame | undefined =>
      this.frames.find(({ type, invocationId }) => type === 3 && invocationId === id);
    await this.until(() => find() !== undefined);
    return find() ?? {};
  }

  private notify(): void {
    for (const resolve of this.changed) resolve();
    this.changed.clear();
  }
}
