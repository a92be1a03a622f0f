import { createParamDecorator, type ExecutionContext, type PipeTransform, type Type } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import { ClientConnection } from '../broadcast/client-connection.js';
import { MessageContext } from './message-context.js';

/** A pipe for one parameter of a handler, as Nest's own decorators take it. */
export type ParameterPipe = PipeTransform | Type<PipeTransform>;

const argument = createParamDecorator((index: number, context: ExecutionContext) => argsOf(context)[index]);
const allArguments = createParamDecorator((_: undefined, context: ExecutionContext) => argsOf(context));

/**
 * Injects the argument at this position of a client's message. SignalR clients send any number of arguments. From a plain
 * client, `data` is the list of arguments if it is an array, and otherwise the only argument.
 *
 * ```ts
 * @SubscribeMessage('Move')
 * move(@Arg(0) piece: string, @Arg(1, ParseIntPipe) field: number) { … }
 *
 * @SubscribeMessage('Order')
 * order(@Arg(0, new ValidationPipe()) order: OrderDto) { … }
 * ```
 *
 * **`ValidationPipe` checks an argument only if you pass the pipe to this decorator.** With `@UsePipes()` or
 * `useGlobalPipes()`, it skips the argument, as it does for every custom decorator. Do not set its option
 * `validateCustomDecorators` there: the pipe would then also convert the parameters of `@ConnectedSocket()` and
 * `@CancelSignal()`, which fails.
 *
 * Nest gets a subclass of a pipe class. So `overridePipe()` of `@nestjs/testing` does not replace it: override the providers
 * that the pipe injects.
 */
export const Arg = (index: number, ...pipes: ParameterPipe[]): ParameterDecorator =>
  argument(index, ...pipes.map(seeingBody));

/** Injects all arguments of a client's message as an array. Takes pipes as {@link Arg} does. */
export const Args = (...pipes: ParameterPipe[]): ParameterDecorator =>
  allArguments(undefined, ...pipes.map(seeingBody));

/**
 * Injects a stream that a SignalR client uploads, as an `AsyncIterable`. It ends when the client completes it, and throws if
 * the client ends it with an error or disconnects. While ten items are waiting for the handler, or more than
 * `limits.bufferedBytes` of all streams of the connection, the server reads nothing from the client: no cancellation, and no
 * response to `invoke`.
 *
 * ```ts
 * @SubscribeMessage('Upload')
 * async upload(@UploadStream() lines: AsyncIterable<string>) {
 *   for await (const line of lines) …
 * }
 * ```
 *
 * The parameter is the position of the stream among the streams of the message. Default: 0. Plain clients cannot upload
 * streams, so they get an error.
 */
export const UploadStream: (index?: number) => ParameterDecorator = createParamDecorator(
  (index: number | undefined, context: ExecutionContext) => {
    const message = messageOf(context);
    if (!message) throw new WsException('This message needs a stream, which only SignalR clients can send.');
    return message.upload(index ?? 0);
  },
);

/**
 * Injects an `AbortSignal` that aborts when the client disconnects, or when a SignalR client cancels the call or the stream
 * that the handler returned.
 */
export const CancelSignal: () => ParameterDecorator = createParamDecorator(
  (_: undefined, context: ExecutionContext) => {
    const client = context.switchToWs().getClient<unknown>();
    return (
      messageOf(context)?.signal ?? (client instanceof ClientConnection ? client.closedSignal : undefined)
    );
  },
);

function messageOf(context: ExecutionContext): MessageContext | undefined {
  return context.getArgs<unknown[]>().find((value) => value instanceof MessageContext);
}

function argsOf(context: ExecutionContext): readonly unknown[] {
  const message = messageOf(context);
  if (message) return message.args;
  const data = context.switchToWs().getData<unknown>();
  if (data === undefined) return [];
  return Array.isArray(data) ? (data as unknown[]) : [data];
}

/** One per class, so that Nest creates one instance per module, however many parameters use the pipe. */
const seeingBodyClasses = new WeakMap<Type<PipeTransform>, Type<PipeTransform>>();

/**
 * Makes a pipe see the parameter as a body. Nest gives the type `custom` to the parameters of all custom decorators, and
 * `ValidationPipe` passes those on unchecked.
 */
function seeingBody(pipe: ParameterPipe): ParameterPipe {
  if (typeof pipe !== 'function')
    return { transform: (value, metadata): unknown => pipe.transform(value, { ...metadata, type: 'body' }) };
  const known = seeingBodyClasses.get(pipe);
  if (known) return known;
  // Nest reads the dependencies and the scope of a class with `Reflect.getMetadata`, so a subclass inherits them.
  class SeeingBody extends pipe {
    constructor(...dependencies: unknown[]) {
      super(...dependencies);
      // Not a method, because a pipe whose `transform` is a property would hide it.
      const transform = this.transform.bind(this);
      this.transform = (value, metadata): unknown => transform(value, { ...metadata, type: 'body' });
    }
  }
  // Nest's errors name the class if a dependency is missing.
  Object.defineProperty(SeeingBody, 'name', { value: pipe.name });
  seeingBodyClasses.set(pipe, SeeingBody);
  return SeeingBody;
}
