import { expect } from 'vitest';
import type { SignalROptions } from '../../../lib/options/signalr-options.js';
import type { RequestReport } from '../../servers/signalr-application-server.js';
import { type Balancer, type BalancerName, startBalancer } from '../../support/balancer.js';
import type { TestFarm } from '../../support/test-farm.js';
import { type BalancedServer, startBalancedServers } from './balanced-farm.js';
import { type Protocol, RoomApplication } from './signalr-application.js';

/** Requests go to the servers in turn, and a restarted server gets some soon. */
const ROUND_ROBIN = {
  nginx: { 'least_conn;': '' },
  haproxy: { 'balance leastconn': 'balance roundrobin', 'check inter 1s': 'check inter 200ms' },
};

export type Server = BalancedServer<RequestReport>;

interface Listening {
  readonly port: number;
}

/** Three servers of the application behind a balancer. */
export class Deployment {
  private constructor(
    readonly servers: readonly Server[],
    readonly balancer: Balancer,
  ) {}

  /** Starts the servers and their balancer. They end with the farm. */
  static async start(
    farm: TestFarm,
    balancer: BalancerName,
    connection: string,
    signalr: SignalROptions | true = true,
  ): Promise<Deployment> {
    const options = { ...farm.options(connection), signalr };
    const servers = await startBalancedServers<RequestReport>(farm, options, 'signalr-application-server');
    return new Deployment(servers, await balancing(farm, balancer, servers));
  }

  async serverOf(application: RoomApplication): Promise<Server> {
    const where = await application.where();
    const server = this.servers.find(({ name }) => name === where);
    if (!server) throw new Error(`The server ${where} is unknown.`);
    return server;
  }

  /** @returns the name of the server that got this request of the user */
  serverThatGot(userId: string, request: RequestReport['request']): string | undefined {
    return this.servers.find(({ reports }) =>
      reports.some((report) => report.userId === userId && report.request === request),
    )?.name;
  }
}

/** Starts a balancer in front of these servers. It ends with the farm. */
export async function balancing(
  farm: TestFarm,
  name: BalancerName,
  servers: readonly Listening[],
): Promise<Balancer> {
  const ports = servers.map(({ port }) => port);
  const balancer = await startBalancer(name, { servers: ports, changes: ROUND_ROBIN[name] });
  farm.onEnd(() => balancer.stop());
  return balancer;
}

/** Starts an application, which ends with the farm. */
export async function open(
  farm: TestFarm,
  protocol: Protocol,
  user: string,
  { port }: Listening,
): Promise<RoomApplication> {
  const application = new RoomApplication(`http://127.0.0.1:${port}/rooms`, user, protocol);
  farm.onEnd(() => application.stop());
  await application.start();
  return application;
}

/** Sends a message to the room, which each of the applications receives. */
export async function expectRoom(
  room: string,
  text: string,
  applications: readonly RoomApplication[],
): Promise<void> {
  const [sender] = applications;
  expect(await sender?.say(room, text, 1)).toBeUndefined();
  const message = { room, from: sender?.user, text, priority: 1 };
  for (const { roomMessages } of applications) await expect.poll(() => roomMessages.at(-1)).toEqual(message);
}

/** Waits until the application works again after its connection was lost. */
export async function expectBack(application: RoomApplication): Promise<void> {
  // Microsoft's client never settles what is invoked while it reconnects, if it has stateful reconnect.
  const works = async (): Promise<boolean> =>
    application.status === 'connected' && (await application.where()) !== '';
  await expect.poll(works).toBe(true);
}

export function idOf({ connectionId }: RoomApplication): string {
  if (connectionId === null) throw new Error('The application is not connected.');
  return connectionId;
}
