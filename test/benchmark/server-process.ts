import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Audience, ContestantName, ContestantServer, ServerPlan } from './contestants/contestant.js';
import * as tools from './contestants/contestant.js';
import { startFloor } from './contestants/floor.js';
import { startOurs, startSignalR } from './contestants/ours.js';
import { EVENT, Messages } from './message.js';
import { Flood, type Pace, paced } from './pacer.js';
import { serve } from './rpc.js';

export interface StartOrder {
  readonly name: ContestantName;
  readonly plan: ServerPlan;
  readonly payloadBytes: number;
  readonly watchLoop: boolean;
}

export interface EmitOrder extends Pace {
  readonly audience: Audience;
  /** Group names or connection ids. Messages go to them in turn. */
  readonly targets: readonly string[];
}

export interface Usage {
  readonly cpuMicroseconds: number;
  readonly rssBytes: number;
  /** The longest event loop stall since the last call. */
  readonly longestStallMs: number;
}

/** The rivals' packages are next to the source, not next to this compiled file. */
const SOCKET_IO = new URL('../../../test/benchmark/rivals/socket-io.js', import.meta.url).href;
const CHURN_GROUPS = 1000;
const CHURN_INTERVAL_MS = 20;

let server: ContestantServer;
let messages: Messages;
let nextTarget = 0;
let flood: Flood | undefined;
let churn: NodeJS.Timeout | undefined;
const loopDelay = monitorEventLoopDelay({ resolution: 1 });

async function startContestant(name: ContestantName, plan: ServerPlan): Promise<ContestantServer> {
  if (name === 'ours') return startOurs(plan);
  if (name === 'signalr') return startSignalR(plan);
  if (name === 'floor') return startFloor(plan);
  const { startSocketIo } = (await import(SOCKET_IO)) as {
    readonly startSocketIo: (plan: ServerPlan, options: object) => Promise<ContestantServer>;
  };
  return startSocketIo(plan, { ...tools, EVENT, sharded: name === 'socket.io sharded' });
}

/** Emits `count` messages in this turn. The results are ignored because the load client checks every message. */
function emit(audience: Audience, targets: readonly string[], count: number): void {
  messages.now();
  for (let index = 0; index < count; index++) {
    const target = nextTarget++ % targets.length;
    void server.emit[audience](targets[target] ?? '', messages.next(target));
  }
}

const handlers = {
  async start({ name, plan, payloadBytes, watchLoop }: StartOrder) {
    // Only if stalls are measured, because this timer fires a thousand times a second and costs CPU.
    if (watchLoop) loopDelay.enable();
    messages = new Messages(payloadBytes);
    server = await startContestant(name, plan);
    return { port: server.port, urlPath: server.urlPath };
  },

  connected: (count: number) => server.connected(count),

  async emit({ audience, targets, ...pace }: EmitOrder): Promise<number> {
    await paced(pace, (count) => emit(audience, targets, count));
    return Math.round((pace.rate * pace.seconds) / pace.burst) * pace.burst;
  },

  /** The same work without the emits: the timer ticks and the creation of the messages. */
  async pace({ payloadBytes, ...pace }: Pace & { readonly payloadBytes: number }): Promise<void> {
    const unsent = new Messages(payloadBytes);
    await paced(pace, (count) => {
      unsent.now();
      for (let index = 0; index < count; index++) unsent.next(0);
    });
  },

  async flood({ seconds, burst, ahead }: { seconds: number; burst: number; ahead: number }): Promise<number> {
    flood = new Flood(burst, ahead);
    return flood.run(seconds, (count) => emit('all', [''], count));
  },

  progress: (received: number) => flood?.progress(received),

  /** Does fifty joins and fifty leaves a second until it is called with `false`. */
  churn(ids: readonly string[] | false): void {
    clearInterval(churn);
    if (!ids) return;
    let turn = 0;
    churn = setInterval(() => {
      const id = ids[(turn * 7919) % ids.length] ?? '';
      const before = ids[((turn - 1) * 7919) % ids.length] ?? '';
      void server.join(id, `side-${turn % CHURN_GROUPS}`);
      if (turn > 0) void server.leave(before, `side-${(turn - 1) % CHURN_GROUPS}`);
      turn++;
    }, CHURN_INTERVAL_MS);
  },

  usage(): Usage {
    const { user, system } = process.cpuUsage();
    const longestStallMs = loopDelay.max / 1e6;
    loopDelay.reset();
    return { cpuMicroseconds: user + system, rssBytes: process.memoryUsage.rss(), longestStallMs };
  },

  /** Reduces the memory to a minimum by collecting garbage. */
  async collect(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) {
      globalThis.gc?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
  },
};

export type ServerHandlers = typeof handlers;
serve(handlers);
