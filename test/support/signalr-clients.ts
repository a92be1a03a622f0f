import * as signalr1 from 'signalr-1';
import * as signalr3 from 'signalr-3';
import * as signalr5 from 'signalr-5';
import * as signalr6 from 'signalr-6';
import * as signalr7 from 'signalr-7';
import * as signalr8 from 'signalr-8';
import * as signalr10 from '@microsoft/signalr';
import * as msgpack5 from 'signalr-msgpack-5';
import * as msgpack6 from 'signalr-msgpack-6';
import * as msgpack7 from 'signalr-msgpack-7';
import * as msgpack8 from 'signalr-msgpack-8';
import * as msgpack10 from '@microsoft/signalr-protocol-msgpack';
import type { TestFarm } from './test-farm.js';

/** A connection of any generation, with what newer ones have as optional. */
export interface HubConnection {
  readonly connectionId?: string | null;
  readonly state: unknown;
  serverTimeoutInMilliseconds: number;
  start(): Promise<void>;
  stop(): Promise<void>;
  on(target: string, handler: (...args: never[]) => unknown): void;
  invoke<T = unknown>(target: string, ...args: unknown[]): Promise<T>;
  send(target: string, ...args: unknown[]): Promise<void>;
  stream<T = unknown>(target: string, ...args: unknown[]): Stream<T>;
  onclose(callback: (error?: Error) => void): void;
  onreconnecting?(callback: (error?: Error) => void): void;
  onreconnected?(callback: (connectionId?: string) => void): void;
}

export interface Stream<T> {
  subscribe(observer: { next(value: T): void; error(error: unknown): void; complete(): void }): {
    dispose(): void;
  };
}

/** What an upload is made of. */
export interface Uploader<T> {
  next(item: T): void;
  complete(): void;
  error(error: unknown): void;
}

interface Builder {
  withUrl(url: string, options?: object): Builder;
  withHubProtocol(protocol: object): Builder;
  configureLogging(level: number): Builder;
  withAutomaticReconnect?(delays: number[]): Builder;
  withStatefulReconnect?(): Builder;
  build(): HubConnection;
}

interface Package {
  readonly HubConnectionBuilder: new () => unknown;
  readonly Subject?: unknown;
}

/** One generation of Microsoft's client for JavaScript. */
export interface Generation {
  readonly version: string;
  readonly client: Package;
  /** `undefined` if it is not tested with MessagePack. */
  readonly msgpack?: { readonly MessagePackHubProtocol: new () => object };
  readonly hasUploads: boolean;
  readonly hasReconnect: boolean;
  readonly hasClientResults: boolean;
}

const first = { hasUploads: false, hasReconnect: false, hasClientResults: false };
const third = { ...first, hasUploads: true, hasReconnect: true };
const seventh = { ...third, hasClientResults: true };

export const GENERATIONS: readonly Generation[] = [
  { version: '1.1', client: signalr1, ...first },
  { version: '3.1', client: signalr3, ...third },
  { version: '5.0', client: signalr5, msgpack: msgpack5, ...third },
  { version: '6.0', client: signalr6, msgpack: msgpack6, ...third },
  { version: '7.0', client: signalr7, msgpack: msgpack7, ...seventh },
  { version: '8.0', client: signalr8, msgpack: msgpack8, ...seventh },
  { version: '10.0', client: signalr10, msgpack: msgpack10, ...seventh },
];

export const LATEST: Generation = { version: '10.0', client: signalr10, msgpack: msgpack10, ...seventh };

export interface HubOptions {
  readonly path?: string;
  readonly isBinary?: boolean;
  readonly reconnectDelays?: number[];
  readonly isStateful?: boolean;
  /** Options of `withUrl`. */
  readonly http?: object;
}

const NO_LOG = 6;

/** Version 5.0 takes a Node with `fetch` for a browser. That it negotiates with another HTTP client is one of its options. */
function httpClientOf(version: string): object {
  if (version !== '5.0') return {};
  const post = async (url: string): Promise<object> => {
    const response = await fetch(url, { method: 'POST' });
    return { statusCode: response.status, statusText: response.statusText, content: await response.text() };
  };
  return { httpClient: { post, getCookieString: () => '' } };
}

/** Creates a connection that ends with the test. */
export function hubConnection(
  farm: TestFarm,
  { client, msgpack, version }: Generation,
  port: number,
  { path = '/hub', isBinary = false, reconnectDelays, isStateful = false, http = {} }: HubOptions = {},
): HubConnection {
  const builder = new client.HubConnectionBuilder() as Builder;
  builder.withUrl(`http://127.0.0.1:${port}${path}`, { ...httpClientOf(version), ...http });
  builder.configureLogging(NO_LOG);
  if (isBinary && msgpack) builder.withHubProtocol(new msgpack.MessagePackHubProtocol());
  if (reconnectDelays) builder.withAutomaticReconnect?.(reconnectDelays);
  if (isStateful) builder.withStatefulReconnect?.();
  const connection = builder.build();
  farm.onEnd(() => connection.stop());
  return connection;
}

export async function startHub(...args: Parameters<typeof hubConnection>): Promise<HubConnection> {
  const connection = hubConnection(...args);
  await connection.start();
  return connection;
}

/** The items of a stream, once it has ended. */
export function itemsOf<T>(stream: Stream<T>): Promise<T[]> {
  return new Promise((resolve, reject) => {
    const items: T[] = [];
    stream.subscribe({ next: (item) => items.push(item), error: reject, complete: () => resolve(items) });
  });
}

/** An upload of this generation. */
export function uploader<T>({ client }: Generation): Uploader<T> {
  return new (client.Subject as new () => Uploader<T>)();
}
