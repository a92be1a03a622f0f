import { setTimeout as wait } from 'node:timers/promises';
import { now } from './clock.js';
import { type Farm, SERVERS } from './farm.js';
import type { AskEnd } from './messages.js';

// What happens to a server, or to its start.

const LAST = SERVERS.length - 1;
const OTHERS = SERVERS.filter((server) => server !== LAST);
/** Four heartbeats, and the looks between which it is noticed. */
const DEATH_TOLD_MS = 5000;
/** Whether something was in time is judged by when it was, not by when a server tells it. */
const TOLD_MS = 15_000;
const BACK_MS = 3000;
/** Bootstrap waits for Redis for five seconds, after a process has started on a busy machine. */
const BOOT_DEADLINE_MS = 30_000;

/** It is declared dead, and returns with the same id. */
export async function frozenServer(farm: Farm, lastsMs: number): Promise<void> {
  farm.mark('begin', OTHERS);
  farm.server(LAST).signal('SIGSTOP');
  await wait(lastsMs);
  const alone = (server: number): boolean => farm.standingOf(server)?.peers === OTHERS.length - 1;
  farm.check('the others declare it dead', await farm.until(() => OTHERS.every(alone), TOLD_MS));
  farm.server(LAST).signal('SIGCONT');
  const heard = (server: number): boolean => farm.standingOf(server)?.peers === OTHERS.length;
  farm.check('the others hear it again', await farm.until(() => OTHERS.every(heard), BACK_MS));
}

/** Others wait for an answer of it, which it does not give: it stands still when it is asked. */
export async function deadServer(farm: Farm): Promise<void> {
  const [asking] = farm.servers;
  const connectionId = farm.clients.find(({ server }) => server === LAST)?.connectionId ?? '';
  const dead = farm.server(LAST);
  dead.mayExit = true;
  dead.signal('SIGSTOP');
  asking?.order({ order: 'ask', connectionId });
  const begin = now();
  farm.mark('begin', OTHERS);
  dead.signal('SIGKILL');
  const ends = (): AskEnd[] => asking?.facts.flatMap(({ asks }) => asks) ?? [];
  await farm.until(() => ends().length === 3, TOLD_MS);
  const told = asking?.facts.filter(({ toldAt }) => toldAt >= begin) ?? [];
  const stalledMs = Math.max(0, ...told.map((facts) => facts.stalledMs));
  for (const call of ['invoke', 'command', 'invokeAll'] as const) {
    const end = ends().find((one) => one.call === call);
    const expected = call === 'invokeAll' ? dead.serverId : 'ServerLostError';
    farm.check(`${call} ends with ${expected}, and not with ${end?.end ?? 'nothing'}`, end?.end === expected);
    farm.check(`${call} ends in time`, end !== undefined && end.at - begin - stalledMs < DEATH_TOLD_MS);
  }
}

/** The servers serve without Redis; one that insists on it does not start. */
export async function boot(farm: Farm, lastsMs: number): Promise<void> {
  farm.mark('begin');
  const insisting = farm.extraServer({ abortConnect: true, index: SERVERS.length });
  const ended = await Promise.race([insisting.exited.then(() => true), wait(BOOT_DEADLINE_MS, false)]);
  farm.check('with abortConnect the bootstrap fails', ended && insisting.exitCode === 1);
  farm.check('and says why', insisting.errors.includes('StartupTimeoutError: Redis could not be reached'));
  await wait(lastsMs);
  await farm.redis.start();
  farm.absence = { from: farm.startedAt, to: now() };
  farm.mark('reachable');
  await farm.untilReady(BOOT_DEADLINE_MS);
  await farm.join();
}
