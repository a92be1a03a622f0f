import { type ArgumentsHost, Catch, type ExceptionFilter, UseFilters } from '@nestjs/common';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { BackplaneConnection } from '../../lib/broadcast/backplane-connection.js';
import { startOurs } from './adapters.js';
import { CodecClient, type CodecName } from './codec-client.js';
import { turn, type TestFarm } from './test-farm.js';
import { Ack } from './nest-release.js';

/** What the handler does, with its client and the function of `@Ack()`. */
export type Handle = (client: BackplaneConnection, ack: (value: unknown) => void) => unknown;
/** What the handlers do now: set by the test. */
export const answering: { handle: Handle } = { handle: () => undefined };

class Refusal extends Error {}

/** It emits when it has looked something up. */
@Catch(Refusal)
class LateFilter implements ExceptionFilter<Refusal> {
  async catch(_error: Refusal, host: ArgumentsHost): Promise<void> {
    await turn();
    await host.switchToWs().getClient<BackplaneConnection>().emit('exception', { late: true });
  }
}

@WebSocketGateway({ path: '/chat' })
export class AnsweringGateway {
  @SubscribeMessage('ask')
  ask(@ConnectedSocket() client: BackplaneConnection): unknown {
    return answering.handle(client, () => undefined);
  }

  @SubscribeMessage('ack')
  ack(@ConnectedSocket() client: BackplaneConnection, @Ack() ack: (value: unknown) => void): unknown {
    return answering.handle(client, ack);
  }

  @UseFilters(LateFilter)
  @SubscribeMessage('filtered late')
  filteredLate(): never {
    throw new Refusal();
  }

  @SubscribeMessage('mark')
  mark(@MessageBody() data: unknown) {
    return { event: 'mark', data };
  }
}

export async function connectAnswering(farm: TestFarm, codec: CodecName = 'json'): Promise<CodecClient> {
  const server = await startOurs(farm, { protocols: ['json', 'msgpack'] }, AnsweringGateway);
  const client = await CodecClient.open(`ws://127.0.0.1:${server.port}/chat`, codec);
  farm.onEnd(() => client.socket.terminate());
  return client;
}

/** All that the client has got when what it sent before is done with; timers of 0 ms included. */
export async function received(client: CodecClient): Promise<unknown[]> {
  for (const mark of [1, 2]) {
    client.send({ event: 'mark', data: mark });
    await client.message(({ event, data }) => event === 'mark' && data === mark);
    await new Promise((resolve) => setTimeout(resolve));
  }
  return client.received.filter(({ event }) => event !== 'mark');
}

/** Sends a frame with the id 7. */
export const answers = (client: CodecClient, event: string, data?: unknown): void =>
  client.send({ event, data, id: 7 });
