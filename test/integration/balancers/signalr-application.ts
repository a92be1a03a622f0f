import { type HubConnection, HubConnectionBuilder, LogLevel, Subject } from '@microsoft/signalr';
import { MessagePackHubProtocol } from '@microsoft/signalr-protocol-msgpack';

/** When to try again after the connection was lost, in milliseconds. */
const RETRY_DELAYS_MS = [0, 100, 200, 500, 1000, 2000, 5000];

export type Protocol = 'JSON' | 'MessagePack';

export interface RoomMessage {
  readonly room: string;
  readonly from: string;
  readonly text: string;
  readonly priority: number;
}

export interface Note {
  readonly from: string;
  readonly text: string;
}

export interface Count {
  readonly numbers: number[];
  readonly isComplete: boolean;
  dispose(): void;
}

/** A client application as it is written for ASP.NET Core SignalR. Nothing in it knows about another kind of server. */
export class RoomApplication {
  readonly roomMessages: RoomMessage[] = [];
  readonly directMessages: Note[] = [];
  readonly notices: Note[] = [];
  readonly questions: string[] = [];
  /** What the user has seen of the connection, in order. */
  readonly statuses: string[] = [];
  /** Answers a question of another user. */
  answer = (question: string): Promise<boolean> => Promise.resolve(question.endsWith('?'));
  private readonly rooms = new Set<string>();
  private readonly connection: HubConnection;

  constructor(
    url: string,
    readonly user: string,
    protocol: Protocol,
  ) {
    const builder = new HubConnectionBuilder()
      .withUrl(url, { accessTokenFactory: () => this.signIn() })
      .withAutomaticReconnect(RETRY_DELAYS_MS)
      .withStatefulReconnect()
      .configureLogging(LogLevel.None);
    if (protocol === 'MessagePack') builder.withHubProtocol(new MessagePackHubProtocol());
    this.connection = builder.build();
    this.listen();
  }

  get connectionId(): string | null {
    return this.connection.connectionId;
  }

  get status(): string | undefined {
    return this.statuses.at(-1);
  }

  async start(): Promise<void> {
    await this.connection.start();
    this.statuses.push('connected');
  }

  stop(): Promise<void> {
    return this.connection.stop();
  }

  async join(room: string): Promise<void> {
    await this.connection.invoke('JoinRoom', room);
    this.rooms.add(room);
  }

  async leave(room: string): Promise<void> {
    this.rooms.delete(room);
    await this.connection.invoke('LeaveRoom', room);
  }

  /** @returns why the server has refused the message; `undefined` if it is sent */
  async say(room: string, text: string, priority = 0): Promise<string | undefined> {
    try {
      await this.connection.invoke('SendToRoom', room, text, priority);
      return undefined;
    } catch (error) {
      return messageOfHubException(error);
    }
  }

  tell(userId: string, text: string): Promise<void> {
    return this.connection.invoke('SendToUser', userId, text);
  }

  /** Does not wait until the server has handled it. */
  announce(text: string): Promise<void> {
    return this.connection.send('Others', text);
  }

  count(count: number, delayMs: number): Count {
    const numbers: number[] = [];
    let isComplete = false;
    const subscription = this.connection.stream<number>('Counter', count, delayMs).subscribe({
      next: (number) => numbers.push(number),
      error: (error) => this.statuses.push(`counter failed: ${String(error)}`),
      complete: () => (isComplete = true),
    });
    return {
      numbers,
      get isComplete() {
        return isComplete;
      },
      dispose: () => subscription.dispose(),
    };
  }

  runningCounters(): Promise<number> {
    return this.connection.invoke<number>('RunningCounters');
  }

  /** @returns their sum */
  upload(readings: readonly number[]): Promise<number> {
    const subject = new Subject<number>();
    const sum = this.connection.invoke<number>('UploadReadings', subject);
    for (const reading of readings) subject.next(reading);
    subject.complete();
    return sum;
  }

  ask(connectionId: string, question: string): Promise<boolean> {
    return this.connection.invoke<boolean>('Ask', connectionId, question);
  }

  /** @returns the name of the server that it is connected to */
  where(): Promise<string> {
    return this.connection.invoke<string>('Where');
  }

  private listen(): void {
    const { connection } = this;
    connection.on('RoomMessage', (room: string, from: string, text: string, priority: number) => {
      this.roomMessages.push({ room, from, text, priority });
    });
    connection.on('DirectMessage', (from: string, text: string) => {
      this.directMessages.push({ from, text });
    });
    connection.on('Notice', (from: string, text: string) => {
      this.notices.push({ from, text });
    });
    connection.on('Confirm', async (question: string) => {
      this.questions.push(question);
      return await this.answer(question);
    });
    connection.onreconnecting(() => this.statuses.push('reconnecting'));
    connection.onreconnected(() => void this.rejoin());
    connection.onclose((error) => this.statuses.push(error ? `closed: ${error.message}` : 'closed'));
  }

  /** A new connection is in no room. */
  private async rejoin(): Promise<void> {
    try {
      for (const room of this.rooms) await this.connection.invoke('JoinRoom', room);
      this.statuses.push('connected');
    } catch {
      // The connection was lost again, so `onreconnected` is called again.
    }
  }

  /** Stands for the request to a sign-in service. */
  private signIn(): Promise<string> {
    return Promise.resolve(`token-of-${this.user}`);
  }
}

/** The text of a HubException, without the sentence that ASP.NET Core puts before it. */
function messageOfHubException(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return /HubException: (.*)$/s.exec(text)?.[1] ?? text;
}
