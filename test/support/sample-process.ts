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

/** A sample as `npm run sample` runs it; it ends with the test. */
export class SampleProcess {
  /** All that it and its processes wrote, without colours. */
  output = '';
  readonly ended: Promise<number | null>;
  private readonly child: ChildProcess;

  constructor(farm: TestFarm, number: string, env: NodeJS.ProcessEnv) {
    if (!existsSync(compiled('run'))) throw new Error('The samples are not compiled: npm run build:sample');
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
    // Not 'exit': what was written last may still be under way.
    this.ended = once(this.child, 'close').then(([code]) => code as number | null);
    farm.onEnd(() => this.stop());
  }

  /** Resolves with what the pattern's first group found. */
  async says(pattern: RegExp): Promise<string> {
    return vi.waitFor(
      () => {
        const found = pattern.exec(this.output);
        if (!found) throw new Error(`No ${String(pattern)} in:\n${this.output}`);
        return found[1] ?? '';
      },
      { timeout: DEADLINE_MS, interval: 20 },
    );
  }

  /** As Ctrl-C does. */
  async stop(): Promise<number | null> {
    this.child.kill('SIGINT');
    return this.ended;
  }
}
