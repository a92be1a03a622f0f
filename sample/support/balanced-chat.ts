import { type BalancerName, startBalancer } from '../../test/support/balancer.js';
import { startFarm } from '../01-chat/farm.js';
import { runUntilStopped } from './until-stopped.js';

const FIRST_PORT = 3001;
const BALANCER_PORT = 8080;

/** The chat of sample 01 on three servers, which its pages reach through a balancer alone. */
export async function runBalancedChat(name: BalancerName): Promise<void> {
  console.log(`Starting three servers and ${name} …`);
  const { servers, ended, stop } = await startFarm({ firstPort: FIRST_PORT, behindBalancer: true });
  const ports = servers.map(({ port }) => port);
  const balancer = await startBalancer(name, { servers: ports, preferredPort: BALANCER_PORT });
  console.log(
    `\nOne address for all of them. Open it in several windows, and look which server each is on:\n`,
  );
  console.log(`  ${balancer.url}\n`);
  await runUntilStopped(ended, async () => {
    await balancer.stop();
    await stop();
  });
}
