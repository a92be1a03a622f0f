import { LoadCounts, LoadSocket } from './load-socket.js';
import { serve } from './rpc.js';

/** Connects so many at once: a backlog overrun would cost a second each. */
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

  /** Resolves when so many messages have come since the last reset, or rejects when none comes any more. */
  received({ crowd: name, messages }: { crowd: string; messages: number }): Promise<void> {
    const { counts } = crowdOf(name);
    return new Promise((resolve, reject) => {
      let seen = -1;
      const watch = setInterval(() => {
        if (counts.messages === seen && counts.messages < messages)
          fail(`${counts.messages} of ${messages} messages came`);
        seen = counts.messages;
      }, SILENCE_MS);
      const fail = (problem: string): void => {
        clearInterval(watch);
        reject(new Error(`${name}: ${problem}`));
      };
      const look = (): void => {
        if (counts.messages < messages) return;
        clearInterval(watch);
        counts.onMessages = () => undefined;
        if (counts.messages > messages || counts.gaps > 0 || counts.lost > 0)
          fail(
            `${counts.messages} of ${messages} messages, ${counts.gaps} gaps, ${counts.lost} lost connections`,
          );
        else resolve();
      };
      counts.onMessages = look;
      look();
    });
  },

  /** How many messages the slowest socket has got of group 0: what a flood waits for. */
  slowest: (name: string) => Math.min(...crowdOf(name).sockets.map(({ numbers }) => numbers.get(0) ?? 0)),

  /** What was counted since the last call. */
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
  if (!crowd) throw new Error(`There is no crowd ${name}.`);
  return crowd;
}

export type LoadHandlers = typeof handlers;
serve(handlers);
