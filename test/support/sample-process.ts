import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { vi } from 'vitest';
import type { TestFarm } from './test-farm.js';

const compiled = (name: string): string =>
  fileURLToPath(new URL(`../../.build/sample/${name}.js`, import.meta.url));
const DEADLINE_MS = 30_000;

/** Runs a sample as `npm run sample` does. It ends with the test. */
export class SampleProcess {
  /** The output of the sample and its processes, without colours. */
  output = '';
  readonly ended: Promise<number | null>;
  private readonly child: ChildProcess;

  constructor(farm: TestFarm, number: string, env: NodeJS.ProcessEnv) {
    if (!existsSync(compiled('run')))
      throw new Error('The samples are not compiled. Run `npm run build:sample`.');
    this.child = fork(compiled('run'), [number], {
      env: { ...process.env, NODE_OPTIONS: '', ...env },
      execArgv: ['--import', compiled('support/end-with-parent')],
      silent: true,
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream
        ?.setEncoding('utf8')
        .on('data', (text: string) => (this.output += stripVTControlCharacters(text)));
    }
    // Not 'exit', because the last output may still be in flight then.
    this.ended = once(this.child, 'close').then(([code]) => code as number | null);
    farm.onEnd(() => this.stop());
  }

  /** Waits until the output matches. Resolves with the pattern's first group. */
  async says(pattern: RegExp): Promise<string> {
    return vi.waitFor(
      () => {
        const found = pattern.exec(this.output);
        if (!found) throw new Error(`The output does not match ${String(pattern)}:\n${this.output}`);
        return found[1] ?? '';
      },
      { timeout: DEADLINE_MS, interval: 20 },
    );
  }

  /** Stops it as Ctrl-C does. */
  async stop(): Promise<number | null> {
    this.child.kill('SIGINT');
    return this.ended;
  }
}
