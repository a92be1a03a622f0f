import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PROJECT } from '../support/npm.js';
import type { TestFarm } from '../support/test-farm.js';
import { transpile } from './typescript.js';

/** A folder for code of the documents, inside the project, where the package finds itself. It ends with the test. */
export class WrittenBlocks {
  private readonly folder = join(PROJECT, '.build/docs', randomUUID());

  constructor(farm: TestFarm) {
    farm.onEnd(() => rm(this.folder, { recursive: true, force: true }));
  }

  /** @returns the path of the JavaScript */
  async write(name: string, code: string): Promise<string> {
    const file = join(this.folder, name.replace(/\.ts$/, '.js'));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, transpile(code));
    return file;
  }

  /** What the block exports. */
  async import<T>(name: string, code: string): Promise<T> {
    return (await import(pathToFileURL(await this.write(name, code)).href)) as T;
  }
}
