import { setTimeout as wait } from 'node:timers/promises';
import { now } from './clock.js';
import { type Farm, SERVERS } from './farm.js';
import type { AskEnd } from './messages.js';

// Faults of a server or of its startup.

const LAST = SERVERS.length - 1;
const OTHERS = SERVERS.filter((server) => server !== LAST);
/** Four heartbeats plus the time until the next check for silent servers. */
const DEATH_NOTICE_MS = 5000;
/** How long to wait for servers to report. Checks use the reported times, so a late report does no harm. */
const REPORT_DEADLINE_MS = 15_000;
const BACK_MS = 3000;
/** Bootstrap waits 5 s for Redis, and starting the process takes long on a busy machine. */
const BOOT_DEADLINE_MS = 30_000;

/** A server is frozen until its peers declare it dead, then returns with the same id. */
export async function frozenServer(farm: Farm, lastsMs: number): Promise<void> {
  farm.mark('begin', OTHERS);
  farm.server(LAST).signal('SIGSTOP');
  await wait(lastsMs);
  const alone = (server: number): boolean => farm.standingOf(server)?.peers === OTHERS.length - 1;
  farm.check('the others declare it dead', await farm.until(() => OTHERS.every(alone), REPORT_DEADLINE_MS));
  farm.server(LAST).signal('SIGCONT');
  const heard = (server: number): boolean => farm.standingOf(server)?.peers === OTHERS.length;
  farm.check('the others hear it again', await farm.until(() => OTHERS.every(heard), BACK_MS));
}

/** A server dies while another waits for its reply. It is frozen first so that it cannot reply. */
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
  await farm.until(() => ends().length === 3, REPORT_DEADLINE_MS);
  const reported = asking?.facts.filter(({ toldAt }) => toldAt >= begin) ?? [];
  const stalledMs = Math.max(0, ...reported.map((facts) => facts.stalledMs));
  for (const call of ['invoke', 'command', 'invokeAll'] as const) {
    const end = ends().find((one) => one.call === call);
    const expected = call === 'invokeAll' ? dead.serverId : 'ServerLostError';
    farm.check(`${call} ends with ${expected}, not with ${end?.end ?? 'nothing'}`, end?.end === expected);
    farm.check(`${call} ends in time`, end !== undefined && end.at - begin - stalledMs < DEATH_NOTICE_MS);
  }
}

/** The servers start without Redis, but a server with `abortConnect` fails at startup. */
export async function boot(farm: Farm, lastsMs: number): Promise<void> {
  farm.mark('begin');
  const insisting = farm.extraServer({ abortConnect: true, index: SERVERS.length });
  const ended = await Promise.race([insisting.exited.then(() => true), wait(BOOT_DEADLINE_MS, false)]);
  farm.check('with abortConnect the bootstrap fails', ended && insisting.exitCode === 1);
  farm.check(
    'the error names the cause',
    insisting.errors.includes('StartupTimeoutError: Redis could not be reached'),
  );
  await wait(lastsMs);
  await farm.redis.start();
  farm.absence = { from: farm.startedAt, to: now() };
  farm.mark('reachable');
  await farm.untilReady(BOOT_DEADLINE_MS);
  await farm.join();
}
