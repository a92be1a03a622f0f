import { BackplaneConnection, Broadcaster } from 'nestjs-redis-backplane';
import { RedisBackplaneHealthIndicator } from 'nestjs-redis-backplane/terminus';

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

export function wrongHealth(indicator: RedisBackplaneHealthIndicator): string {
  // @ts-expect-error the result is an object
  return indicator.readiness();
}
