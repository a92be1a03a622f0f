import { createParamDecorator, type ExecutionContext, type PipeTransform, type Type } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import { ClientConnection } from '../broadcast/client-connection.js';
import { MessageContext } from './message-context.js';

/** A pipe for one parameter of a handler, as Nest's own decorators take it. */
export type ParameterPipe = PipeTransform | Type<PipeTransform>;

/**
 * Injects the argument at this position of a client's message. SignalR clients send any number of arguments. From a plain
 * client, `data` is the list of arguments if it is an array, and otherwise the only argument.
 *
 * ```ts
 * @SubscribeMessage('Move')
 * move(@Arg(0) piece: string, @Arg(1, ParseIntPipe) field: number) { … }
 * ```
 */
export const Arg: (index: number, ...pipes: ParameterPipe[]) => ParameterDecorator = createParamDecorator(
  (index: number, context: ExecutionContext) => argsOf(context)[index],
);

/** Injects all arguments of a client's message as an array. See {@link Arg}. */
export const Args: (...pipes: ParameterPipe[]) => ParameterDecorator = createParamDecorator(
  (_: undefined, context: ExecutionContext) => argsOf(context),
);

/**
 * Injects a stream that a SignalR client uploads, as an `AsyncIterable`. It ends when the client completes it, and throws if
 * the client ends it with an error or disconnects. When ten items are waiting for the handler, the server stops reading from
 * the connection.
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
