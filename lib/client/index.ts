// This file imports nothing and needs neither the types of browsers nor those of Node, so it can be copied into a project.

/** The default event map: allows any event name with any data. */
export type AnyEvents = Record<string, unknown>;

/** The event names in a map such as `{ joined: { id: string } }`. An empty map allows any name. */
export type EventName<Events extends object> = [keyof Events] extends [never]
  ? string
  : keyof Events & string;

/** The type of an event's data. */
export type DataOf<Events extends object, Name> = Name extends keyof Events ? Events[Name] : unknown;

/** The data argument of `emit`. It is optional if the event's data may be `undefined`. */
export type EventData<Events extends object, Name> =
  undefined extends DataOf<Events, Name> ? [data?: DataOf<Events, Name>] : [data: DataOf<Events, Name>];

/** What the client uses of a `WebSocket`. Those of browsers, Node, `ws` and React Native fit. */
export interface SocketLike {
  readonly readyState: number;
  readonly protocol?: string | undefined;
  binaryType?: unknown;
  onopen: unknown;
  onmessage: unknown;
  onerror: unknown;
  onclose: unknown;
  send(data: string): void;
  close(code?: number): void;
  /** Drops a dead connection at once. Only `ws` has it. */
  terminate?(): void;
}

/** Encodes frames as something other than JSON. `encode` and `decode` of `@msgpack/msgpack` fit as they are. */
export interface Codec {
  /** The subprotocol that the server must select, such as `backplane.msgpack.v1`. */
  readonly subprotocol: string;
  encode(frame: object): Uint8Array;
  decode(bytes: ArrayBuffer): unknown;
}

export interface Status {
  /**
   * `connected` once the server has answered. `disconnected` while the client waits for its next attempt. `closed` after
   * `close()`, or with an `error` that another attempt cannot fix.
   */
  readonly state: 'connecting' | 'connected' | 'disconnected' | 'closed';
  /** Why the client is not connected. */
  readonly error?: ClientError | undefined;
}

/**
 * - `NOT_SENT`: the message never left the client, so it is safe to send it again
 * - `OUTCOME_UNKNOWN`: an invocation was sent and no reply came, so its handler may have run
 * - `REJECTED`: the server's handler failed; `data` is what it replied
 * - `DISCONNECTED`: the connection was lost or could not be opened; the client tries again
 * - `REFUSED`: close code 1008 or status 401: the token was refused or has expired, or the client exceeded a limit for messages
 * - `CANNOT_CONNECT`: the WebSocket cannot be created, for example because the URL is invalid; see `data`
 * - `BAD_FRAME`: the server sent something that cannot be decoded; it was ignored
 */
export type ClientErrorCode =
  'NOT_SENT' | 'OUTCOME_UNKNOWN' | 'REJECTED' | 'DISCONNECTED' | 'REFUSED' | 'CANNOT_CONNECT' | 'BAD_FRAME';

/** Every error of the client. `code` says which one it is. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly code: ClientErrorCode;
  /** With `REJECTED`: the error that the server sent. Otherwise what was thrown, if anything. */
  readonly data: unknown;

  constructor(code: ClientErrorCode, message: string, data?: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

export interface ConnectOptions {
  /**
   * Sent with every connection attempt, as the subprotocol `bearer.<token>`: unlike a query parameter, it is not in the
   * URL, which proxies log. A function is called before each attempt. If it fails, the attempt counts as failed.
   */
  token?: string | (() => string | undefined | Promise<string | undefined>);
  /**
   * Called after every connect; the place to join groups again. `invoke` works at once. What was queued, and every `emit`,
   * waits until the promise resolves. If it rejects, the connection is dropped and tried again later, because a client
   * that is not in its groups would miss messages in silence.
   */
  onConnect?: (connection: { readonly reconnected: boolean }) => unknown;
  /**
   * Gets what no caller can catch: what a handler, a listener or `token` threw, an `exception` event without a handler,
   * queued emits that were dropped, frames that cannot be decoded, and the error that closed the client.
   *
   * @default console.error
   */
  onError?: (error: unknown) => unknown;
  /**
   * How many messages wait while there is no connection or `onConnect` is running. When the queue is full, the next one fails with `NOT_SENT`; with 0
   * every one does, so do not `emit` in `onConnect` then. Waiting is the default because it cannot duplicate anything, and without it each restart of a server
   * would fail calls. An invocation waits no longer than its `timeout`.
   *
   * @default 100
   */
  queue?: number;
  /** In milliseconds. Before attempt `n`, the client waits for a random part of `min(maxDelay, delay * 2 ** n)`. */
  reconnect?: {
    /** @default 500 */
    delay?: number;
    /** @default 30000 */
    maxDelay?: number;
    /** How long a connection must last for `n` to start at 0 again. @default 10000 */
    resetAfter?: number;
  };
  /** In milliseconds. The defaults are those of the server; 25 s is less than any usual idle timeout of a balancer. */
  heartbeat?: {
    /** After this much silence the client sends a ping. @default 25000 */
    interval?: number;
    /** How long the server may take to connect, or to answer a ping. @default 20000 */
    timeout?: number;
  };
  /** @default JSON */
  codec?: Codec;
  /** The class to use, such as that of `ws`. Node has a global one from version 22 on. @default the global one */
  WebSocket?: new (url: string, protocols?: string[]) => SocketLike;
  /** Opens the socket in another way, for example to send the token in a header. Replaces the option `WebSocket`. */
  open?: (url: string, protocols: string[], token: string | undefined) => SocketLike;
}

export interface InvokeOptions {
  /** In milliseconds. @default 10000 */
  timeout?: number;
  /**
   * Aborts the call. It rejects with `NOT_SENT` if the message was still queued, otherwise with `OUTCOME_UNKNOWN`. The server
   * is not told. Any `AbortSignal` fits.
   */
  signal?: {
    readonly aborted: boolean;
    readonly reason?: unknown;
    addEventListener(type: 'abort', listener: () => void): void;
    removeEventListener(type: 'abort', listener: () => void): void;
  };
}

export interface Client<ServerEvents extends object = AnyEvents, ClientEvents extends object = AnyEvents> {
  readonly status: Status;
  /** Calls the listener at every change. Returns a function that removes it. */
  onStatus(listener: (status: Status) => void): () => void;
  /**
   * Handles an event of the server. If the server has sent it with `invoke`, the result or the error of the event's first
   * handler is the reply. Returns a function that removes the handler.
   */
  on<Name extends EventName<ServerEvents>>(
    event: Name,
    handler: (data: DataOf<ServerEvents, Name>) => unknown,
  ): () => void;
  /**
   * Sends an event, or queues it.
   *
   * @throws ClientError `NOT_SENT` when the queue is full or the client is closed
   * @throws the codec's error, a `TypeError` with JSON, when the data cannot be encoded
   */
  emit<Name extends EventName<ClientEvents>>(event: Name, ...data: EventData<ClientEvents, Name>): void;
  /**
   * Sends an event, or queues it, and resolves with the reply of its handler.
   *
   * @throws ClientError (as a rejection) `REJECTED`, `OUTCOME_UNKNOWN` or `NOT_SENT`
   * @throws the codec's error, a `TypeError` with JSON, (as a rejection) when the data cannot be encoded
   */
  invoke<Reply = unknown, Name extends EventName<ClientEvents> = EventName<ClientEvents>>(
    event: Name,
    data?: DataOf<ClientEvents, Name>,
    options?: InvokeOptions,
  ): Promise<Reply>;
  /** Closes the connection for good. What was queued fails with `NOT_SENT`. Until then, a Node process stays alive. */
  close(): void;
}

// --- the implementation ----------------------------------------------------------------------------

/** Every `WebSocket` sends bytes too, but the types of browsers, `ws` and TypeScript's releases differ in how they say it. */
interface Socket extends SocketLike {
  send(data: string | Uint8Array): void;
}

interface Outgoing {
  readonly frame: string | Uint8Array;
  readonly id?: number;
  done(data: unknown): void;
  fail(error: unknown): void;
}

/** The event, or what stands for changes of the status, and what is called. */
type Handler = readonly [event: unknown, handle: (data: unknown) => unknown];

type Frame = Partial<Record<'event' | 'data' | 'id' | 'error', unknown>>;

// In the scope of this file only, because their types in browsers and in Node are not the same.
declare const WebSocket: NonNullable<ConnectOptions['WebSocket']>;
declare const console: { readonly error: (error: unknown) => void };
declare function setTimeout(then: () => void, ms: number): unknown;
declare function clearTimeout(timer: unknown): void;

/** A longer delay would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** As `ws` and React Native say it. Browsers do not say it at all. */
const UNAUTHORIZED = /[ ']401\b/;
const OPEN = 1;
const JSON_CODEC = { subprotocol: 'backplane.json.v1', encode: JSON.stringify, decode: JSON.parse };

/** What was thrown or sent may be anything, so only a text is trusted. */
const messageOf = (error: unknown): string => {
  const message = (error as { message?: unknown } | null | undefined)?.message;
  return typeof message === 'string' ? message : 'The handler failed.';
};
const rejected = (error: unknown): ClientError => new ClientError('REJECTED', messageOf(error), error);

const errorReply = (message: string): Frame => ({ error: { message } });
const noReply = (): void => undefined;

/**
 * Connects to a gateway, and keeps connecting until `close()`.
 *
 * @typeParam ServerEvents what the server emits: the events of its `Broadcaster<Events>`
 * @typeParam ClientEvents what the server's handlers take
 * @throws ClientError `CANNOT_CONNECT` when the WebSocket cannot be created, for example because the URL is invalid. If `token`
 * is a function, the status becomes `closed` with this error instead
 */
export function connect<ServerEvents extends object = AnyEvents, ClientEvents extends object = AnyEvents>(
  url: string,
  {
    token,
    onConnect,
    onError = console.error,
    queue: maxQueued = 100,
    reconnect: { delay = 500, maxDelay = 30_000, resetAfter = 10_000 } = {},
    heartbeat: { interval = 25_000, timeout: silence = 20_000 } = {},
    codec: givenCodec,
    WebSocket: SocketClass,
    open = (to, protocols) => new (SocketClass ?? WebSocket)(to, protocols),
  }: ConnectOptions = {},
): Client<ServerEvents, ClientEvents> {
  const codec = givenCodec ?? JSON_CODEC;
  const handlers = new Set<Handler>();
  const queued = new Set<Outgoing>();
  /** Invocations that wait for a reply, by their id. */
  const sent = new Map<unknown, Outgoing>();
  let status: Status = { state: 'connecting' };
  let socket: Socket | undefined;
  /** Rises when an attempt or a connection ends. What began before is then over. */
  let run = 0;
  let attempts = 0;
  let lastId = 0;
  let connectedAt = 0;
  /** Whether `onConnect` has ended, so that queued messages may be sent. */
  let isReady = false;
  /** The token that the server has refused. At first something that is no token. */
  let refused: unknown = handlers;
  let refusal: ClientError | undefined;
  /** The only timer besides those of invocations: until an answer is due, the next ping, or the next attempt. */
  let timer: unknown;

  const report = (error: unknown): void => void Promise.resolve(error).then(onError).catch(console.error);
  const tryTo = async <T>(
    task: () => T | Promise<T>,
    done: (result: T) => void,
    failed: (error: unknown) => void,
  ): Promise<void> => {
    try {
      done(await task());
    } catch (thrown) {
      report(thrown);
      failed(thrown);
    }
  };
  /** The function as long as the current attempt or connection lasts, and then one that does nothing. */
  const whileCurrent = <T>(then: (value: T) => void): ((value: T) => void) => {
    const mine = run;
    return (value) => {
      if (mine === run) then(value);
    };
  };
  const later = (ms: number, then: () => void): unknown => setTimeout(then, Math.min(ms, MAX_TIMER_MS));
  const after = (ms: number, then: () => void): void => {
    clearTimeout(timer);
    timer = later(ms, then);
  };

  /** Calls the handlers. @returns whether there is one */
  const dispatch = (event: unknown, data: unknown, reply: (frame: Frame) => void): boolean => {
    const found = [...handlers].filter(([name]) => name === event);
    found.forEach(([, handler], index) => {
      const answer = index === 0 ? reply : noReply;
      void tryTo(
        () => handler(data),
        (result) => answer({ data: result }),
        (thrown) => answer(errorReply(messageOf(thrown))),
      );
    });
    return found.length > 0;
  };
  const setStatus = (state: Status['state'], error?: ClientError): void => {
    status = { state, error };
    dispatch(setStatus, undefined, noReply);
  };
  const on = (event: unknown, handler: (data: unknown) => unknown): (() => void) => {
    const item: Handler = [event, handler];
    handlers.add(item);
    return () => void handlers.delete(item);
  };

  /** Without undefined members, which MessagePack would turn into null. */
  const encodeEvent = (event: string, data: unknown, id?: number): string | Uint8Array =>
    codec.encode({ event, ...(data !== undefined && { data }), ...(id && { id }) });

  /** A socket that is closing drops what it is given. */
  const isOpen = (): boolean => socket?.readyState === OPEN;
  const transmit = (message: Outgoing): void => {
    socket?.send(message.frame);
    if (message.id) sent.set(message.id, message);
  };
  const send = (message: Outgoing): void => {
    const { state } = status;
    if (isOpen() && (isReady || (message.id && state === 'connected'))) transmit(message);
    else if (state !== 'closed' && queued.size < maxQueued) queued.add(message);
    else throw new ClientError('NOT_SENT', `Not sent: the client is ${state}.`);
  };
  const fail = (message: Outgoing, why: string): void =>
    message.fail(new ClientError(queued.delete(message) ? 'NOT_SENT' : 'OUTCOME_UNKNOWN', why));
  const failAll = (messages: { forEach(each: (message: Outgoing) => void): void }): void =>
    messages.forEach((message) => fail(message, `The client is ${status.state}.`));

  /** @param isDead then it cannot complete the close handshake */
  const abandon = (isDead: boolean): void => {
    run++;
    isReady = false;
    clearTimeout(timer);
    if (isDead && socket?.terminate) socket.terminate();
    else socket?.close(1000);
    socket = undefined;
  };
  const end = (error?: ClientError): void => {
    if (status.state === 'closed') return;
    abandon(false);
    setStatus('closed', error);
    failAll(sent);
    failAll(queued);
    if (error) report(error);
  };
  const lost = (error: ClientError): void => {
    abandon(true);
    if (status.state === 'connected' && Date.now() - connectedAt >= resetAfter) attempts = 0;
    after(Math.random() * Math.min(maxDelay, delay * 2 ** attempts++), start);
    setStatus('disconnected', error);
    failAll(sent);
  };
  const disconnect = (why: string): void => lost(new ClientError('DISCONNECTED', why));
  const expectAnswer = (): void => after(silence, () => disconnect(`No answer within ${silence} ms.`));
  /** With an id, because a reply comes even if a gateway handles `ping`. */
  const ping = (): void => {
    expectAnswer();
    socket?.send(codec.encode({ event: 'ping', id: 0 }));
  };

  const connected = (): void => {
    const reconnected = connectedAt > 0;
    connectedAt = Date.now();
    refused = handlers;
    const flush = whileCurrent(() => {
      isReady = true;
      for (const message of queued) {
        if (!isOpen()) return;
        queued.delete(message);
        transmit(message);
      }
    });
    const retry = whileCurrent(() => disconnect('onConnect failed.'));
    setStatus('connected');
    if (socket) void tryTo(() => onConnect?.({ reconnected }), flush, retry);
  };

  const receive = ({ event, data, id, error }: Frame, reply: (frame: Frame) => void): void => {
    if (event === undefined) {
      const message = sent.get(id);
      if (error === undefined) message?.done(data);
      else message?.fail(rejected(error));
    } else if (!dispatch(event, data, reply)) {
      if (event === 'exception') report(rejected(data));
      reply(errorReply('There is no handler.'));
    }
  };

  const dial = (value: string | undefined): void => {
    if (refused === value) return end(refusal);
    const { subprotocol } = codec;
    const protocols = [subprotocol];
    let opened: Socket;
    try {
      // A browser gives up unless the server selects one. It selects the first, so its response does not repeat the token.
      if (value) protocols.push(`bearer.${encodeURIComponent(value)}`);
      opened = socket = open(url, protocols, value);
      opened.binaryType = 'arraybuffer';
    } catch (thrown) {
      return end(new ClientError('CANNOT_CONNECT', 'Cannot connect.', thrown));
    }
    let problem = '';
    opened.onopen = whileCurrent(() => {
      // Only an answer proves that the server has admitted the client and handles its messages.
      if (opened.protocol === subprotocol) ping();
      else disconnect(`The server has no ${subprotocol}.`);
    });
    // The codec's own type of data; decoding fails if the server sends the other.
    opened.onmessage = whileCurrent(({ data }: { data: string & ArrayBuffer }) => {
      after(interval, ping);
      if (status.state !== 'connected') connected();
      let frame: Frame | null;
      try {
        frame = codec.decode(data) as Frame | null;
      } catch (thrown) {
        return report(new ClientError('BAD_FRAME', 'Not decodable.', thrown));
      }
      const { id } = (frame ??= {});
      const reply = whileCurrent((answer: Frame) => {
        // Nothing else is an id. An object that can be decoded may still be too deep to be encoded.
        if (id !== undefined && id !== Object(id) && isOpen()) opened.send(codec.encode({ id, ...answer }));
      });
      // A listener may have closed the client.
      if (opened === socket) receive(frame, reply);
    });
    opened.onerror = ({ message = '' }: { message?: string }) => (problem = message);
    opened.onclose = whileCurrent(({ code, reason }: { code?: number; reason?: string }) => {
      const isRefused = code === 1008 || UNAUTHORIZED.test(problem);
      const why = `Closed with ${code}. ${reason || problem}`;
      const error = new ClientError(isRefused ? 'REFUSED' : 'DISCONNECTED', why);
      if (isRefused) {
        refused = value;
        refusal = error;
        // A function may give another token.
        if (typeof token !== 'function') return end(error);
      }
      lost(error);
    });
  };

  const start = (): void => {
    expectAnswer();
    setStatus('connecting', status.error);
    if (status.state !== 'connecting') return;
    if (typeof token !== 'function') return dial(token);
    void tryTo(
      token,
      whileCurrent(dial),
      whileCurrent(() => disconnect('token failed.')),
    );
  };

  start();
  // Not when `token` has thrown: that attempt has failed, and another one follows.
  if (status.state === 'closed' && status.error) throw status.error;

  return {
    get status() {
      return status;
    },
    // A listener before this one may have changed it again.
    onStatus: (listener) => on(setStatus, () => listener(status)),
    // What the server sends is not checked.
    on: (event, handler) => on(event, (data) => handler(data as never)),
    emit: (event, data?: unknown) => send({ frame: encodeEvent(event, data), done: noReply, fail: report }),
    // As with the data of `on`, the caller says what type the reply has.
    invoke: <Reply>(event: string, data?: unknown, { timeout = 10_000, signal }: InvokeOptions = {}) =>
      new Promise<unknown>((resolve, reject) => {
        if (signal?.aborted) throw new ClientError('NOT_SENT', 'Aborted.');
        const id = ++lastId;
        const onAbort = (): void => fail(message, 'Aborted.');
        const settling = (then: (value: unknown) => void) => (value: unknown) => {
          clearTimeout(expiry);
          signal?.removeEventListener('abort', onAbort);
          queued.delete(message);
          sent.delete(id);
          then(value);
        };
        const frame = encodeEvent(event, data, id);
        const message: Outgoing = { frame, id, done: settling(resolve), fail: settling(reject) };
        send(message);
        const expiry = later(timeout, () => fail(message, `No reply within ${timeout} ms.`));
        signal?.addEventListener('abort', onAbort);
      }) as Promise<Reply>,
    close: () => end(),
  };
}
