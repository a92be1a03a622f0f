import { WebSocket } from 'ws';
import type { GuardedProcess } from '../support/process-guard.js';
import { evaluate } from './evaluate.js';
import { type CodeBlock, codeBlocks } from './markdown.js';

const README = 'README.md';
/** As the README writes them. */
const FIRST_PORT = 3001;
const SECOND_PORT = 3002;
const LISTENING = /^Listening on http:\/\/(\S+)$/m;

type Paste = (
  WebSocketClass: typeof WebSocket,
  console: { log(...values: readonly unknown[]): void },
) => { readonly first: WebSocket; readonly second: WebSocket };

/** The README's quick start: its files, what a reader pastes into the console of a browser, and what they see there. */
export class QuickStart {
  private readonly blocks = codeBlocks(README);

  /** The sources, by their path in the app. */
  get files(): ReadonlyMap<string, string> {
    return new Map(this.blocks.flatMap(({ file, code }) => (file === undefined ? [] : [[file, code]])));
  }

  /** What the console shows after the message, in any order. */
  get expected(): string[] {
    return this.only('text').code.trim().split('\n').sort();
  }

  /**
   * The address at which a server listens, once it says so.
   *
   * @throws Error (as a rejection) when it ends before
   */
  async addressOf(server: GuardedProcess): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (LISTENING.test(server.output())) resolve();
      };
      server.onOutput(look);
      look();
      void server.exited.then(() => reject(new Error(server.output())));
    });
    return LISTENING.exec(server.output())?.[1] ?? '';
  }

  /**
   * Runs the console's part against servers at these addresses, `host:port`.
   *
   * @returns the lines that appear after both clients have joined and the message has been sent, in any order
   */
  async play(first: string, second: string): Promise<string[]> {
    const [connecting, sending] = this.blocks.filter(({ language }) => language === 'js');
    if (!connecting || !sending) throw new Error('The README has no two blocks for the console.');
    const lines = new Lines();
    const hosts = connecting.code.replaceAll('localhost:${port}', '${hosts[port]}');
    const table = JSON.stringify({ [FIRST_PORT]: first, [SECOND_PORT]: second });
    const paste = evaluate(
      `(WebSocket, console) => { const hosts = ${table}; ${hosts}; return { first, second }; }`,
    ) as Paste;
    const sockets = paste(WebSocket, { log: (...values) => lines.add(values.join(' ')) });
    try {
      await lines.have(2);
      const joined = lines.take();
      if (!joined.every((line) => line.endsWith('{"event":"joined","data":"tea"}')))
        throw new Error(`Not joined: ${joined.join('\n')}`);
      const send = evaluate(`(first) => { ${sending.code} }`) as (first: WebSocket) => void;
      send(sockets.first);
      await lines.have(2);
      return lines.take().sort();
    } finally {
      for (const socket of Object.values(sockets)) socket.terminate();
    }
  }

  private only(language: string): CodeBlock {
    const [block, ...others] = this.blocks.filter((candidate) => candidate.language === language);
    if (!block || others.length > 0) throw new Error(`The README must have one block of ${language}.`);
    return block;
  }
}

/** What the console of the browser has shown. */
class Lines {
  private lines: string[] = [];
  private look: () => void = () => undefined;

  add(line: string): void {
    this.lines.push(line);
    this.look();
  }

  have(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.look = () => {
        if (this.lines.length >= count) resolve();
      };
      this.look();
    });
  }

  take(): string[] {
    const { lines } = this;
    this.lines = [];
    return lines;
  }
}
