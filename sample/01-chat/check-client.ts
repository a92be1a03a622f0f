import { WebSocket } from 'ws';

const WAIT_MS = 10_000;

/** What a client has received: whose message it was, in the order of arrival. */
export type Inbox = readonly string[];

/** A page without a browser. */
export class CheckClient {
  /** The names of the senders of what was said and waved; a sender of the check names itself after its case. */
  readonly inbox: string[] = [];
  /** The names of the members of its group, by their keys. */
  readonly members = new Map<string, string>();
  private readonly joined = new Set<string>();
  private id = '';
  private look: () => void = () => undefined;

  private constructor(
    readonly name: string,
    private readonly socket: WebSocket,
  ) {
    socket.on('message', (bytes: Buffer) => {
      this.receive(JSON.parse(bytes.toString()));
      this.look();
    });
  }

  /** Resolves when the server has said welcome. */
  static async connect(name: string, url: string): Promise<CheckClient> {
    const socket = new WebSocket(new URL('/chat', url.replace('http', 'ws')));
    const client = new CheckClient(name, socket);
    const failed = new Promise<never>((_, reject) => socket.on('error', reject));
    await Promise.race([client.until(() => client.id !== '', 'was not welcomed'), failed]);
    return client;
  }

  /** Where others can whisper to it. */
  get address(): string {
    return this.id;
  }

  send(event: string, data: object): void {
    this.socket.send(JSON.stringify({ event, data }));
  }

  async join(group: string): Promise<void> {
    this.send('join', { name: this.name, group });
    await this.until(() => this.joined.has(this.name), `could not join ${group}`);
  }

  /** @throws Error (as a rejection) when it does not come true in time */
  async until(isTrue: () => boolean, otherwise: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${this.name} ${otherwise}.`)), WAIT_MS);
      this.look = () => {
        if (!isTrue()) return;
        clearTimeout(timer);
        resolve();
      };
      this.look();
    });
  }

  close(): void {
    this.socket.close();
  }

  private receive(message: unknown): void {
    const event = field(message, 'event');
    const data = field(message, 'data');
    const sender = String(field(field(data, 'from'), 'name'));
    if (event === 'welcome') this.id = String(field(data, 'id'));
    else if (event === 'joined') this.joined.add(sender);
    else if (event === 'said' || event === 'waved') this.inbox.push(sender);
    else if (event === 'presence') this.updateMembers(data);
    else if (event === 'exception') console.log(`${this.name}: ${String(field(data, 'message'))}`);
  }

  private updateMembers(change: unknown): void {
    if (field(change, 'isSnapshot') === true) this.members.clear();
    for (const member of entries(field(change, 'members')))
      this.members.set(String(field(member, 'key')), String(field(field(member, 'data'), 'name')));
    for (const key of entries(field(change, 'left'))) this.members.delete(String(key));
  }
}

function entries(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
