import { LoadCounts, LoadSocket } from './load-socket.js';
import { serve } from './rpc.js';

/** How many sockets connect at once. With more, the listen backlog could overflow, which costs a second per socket. */
const CONNECTING = 50;

interface Crowd {
  readonly sockets: LoadSocket[];
  readonly counts: LoadCounts;
}

const crowds = new Map<string, Crowd>();

const handlers = {
  async connect({
    crowd: name,
    count,
    port,
    urlPath,
  }: {
    crowd: string;
    count: number;
    port: number;
    urlPath: string;
  }) {
    const crowd = crowds.get(name) ?? { sockets: [], counts: new LoadCounts() };
    crowds.set(name, crowd);
    let index = crowd.sockets.length;
    const end = index + count;
    const connectNext = async (): Promise<void> => {
      while (index < end) {
        const socket = new LoadSocket({ port, urlPath, index: index++ }, crowd.counts);
        crowd.sockets.push(socket);
        await socket.opened;
      }
    };
    await Promise.all(Array.from({ length: CONNECTING }, connectNext));
  },

  /** Resolves once this many messages have arrived since the last `take`. Rejects if no more arrive for 5 s. */
  received({ crowd: name, messages }: { crowd: string; messages: number }): Promise<void> {
    const { counts } = crowdOf(name);
    return new Promise((resolve, reject) => {
      let seen = -1;
      const watch = setInterval(() => {
        if (counts.messages === seen && counts.messages < messages)
          fail(`${counts.messages} of ${messages} messages arrived`);
        seen = counts.messages;
      }, SILENCE_MS);
      const fail = (problem: string): void => {
        clearInterval(watch);
        reject(new Error(`${name}: ${problem}`));
      };
      const check = (): void => {
        if (counts.messages < messages) return;
        clearInterval(watch);
        counts.onMessages = () => undefined;
        if (counts.messages > messages || counts.gaps > 0 || counts.lost > 0)
          fail(
            `${counts.messages} of ${messages} messages, ${counts.gaps} gaps, ${counts.lost} lost connections`,
          );
        else resolve();
      };
      counts.onMessages = check;
      check();
    });
  },

  /** How many messages of group 0 the slowest socket has received. A flood waits for it. */
  slowest: (name: string) => Math.min(...crowdOf(name).sockets.map(({ numbers }) => numbers.get(0) ?? 0)),

  /** Returns the counts since the last call and resets them. */
  take(name: string) {
    const { counts } = crowdOf(name);
    const taken = {
      messages: counts.messages,
      bytes: counts.bytes,
      latencies: Float64Array.from(counts.latencies).sort(),
    };
    counts.messages = 0;
    counts.bytes = 0;
    counts.latencies = [];
    return taken;
  },

  disconnect(name: string): void {
    for (const socket of crowds.get(name)?.sockets ?? []) socket.end();
    crowds.delete(name);
  },
};

const SILENCE_MS = 5000;

function crowdOf(name: string): Crowd {
  const crowd = crowds.get(name);
  if (!crowd) throw new Error(`No sockets are connected under the name ${name}.`);
  return crowd;
}

export type LoadHandlers = typeof handlers;
serve(handlers);
