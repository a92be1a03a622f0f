import type { Who } from '../../servers/balanced-server.js';
import type { TestFarm } from '../../support/test-farm.js';
import type { WsClient } from '../../support/ws-client.js';

export interface BalancedClient {
  readonly client: WsClient;
  readonly who: Who;
  /** The balancer's cookies, in the form of a Cookie header. */
  readonly cookie: string;
}

type Options = Parameters<typeof WsClient.open>[1];

/** Connects a client through the balancer. It ends with the test. */
export async function openBalanced(
  farm: TestFarm,
  { port }: { port: number },
  options?: Options,
): Promise<BalancedClient> {
  const client = await farm.client({ port }, '/chat', options);
  client.send('who');
  const who = (await client.next('who')).data as Who;
  const cookies = client.headers['set-cookie'] ?? [];
  return { client, who, cookie: cookies.map((cookie) => cookie.split(';', 1)[0]).join('; ') };
}

/** Connects this many clients one after the other. They stay connected. */
export async function openMany(
  farm: TestFarm,
  balancer: { port: number },
  count: number,
  options?: Options,
): Promise<BalancedClient[]> {
  const clients: BalancedClient[] = [];
  while (clients.length < count) clients.push(await openBalanced(farm, balancer, options));
  return clients;
}

export function namesOf(clients: readonly BalancedClient[]): string[] {
  return clients.map(({ who }) => who.name);
}
