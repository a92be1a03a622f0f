import { BackplaneConnection, Broadcaster } from 'nestjs-redis-backplane';
import { connect } from 'nestjs-redis-backplane/client';
import { FakeBroadcaster } from 'nestjs-redis-backplane/testing';

interface ChatEvents {
  said: { text: string };
}

/** Each `@ts-expect-error` needs an error, so this file compiles only if the package's types resolve. */
export function wrong(server: Broadcaster<ChatEvents>, client: BackplaneConnection): string {
  // @ts-expect-error no such event
  void server.emit('shouted', {});
  // @ts-expect-error data of the wrong type
  void server.emit('said', { text: 1 });
  // @ts-expect-error a number: the socket is one of `ws`, whose types come with the package
  return client.socket.readyState;
}

export function wrongClient(): void {
  // @ts-expect-error data of the wrong type
  connect<ChatEvents>('ws://127.0.0.1').on('said', (data: number) => data);
}

export function wrongFake(fake: FakeBroadcaster<ChatEvents>): void {
  // @ts-expect-error no such event
  void fake.emit('shouted', {});
}
