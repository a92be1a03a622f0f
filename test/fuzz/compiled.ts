import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../support/program.js';

/** The path of a compiled script of this folder. Node cannot run TypeScript files with decorators. */
export function compiledScript(name: string): string {
  const script = join(projectRoot(), '.build/test/fuzz', `${name}.js`);
  if (!existsSync(script)) throw new Error('The test servers are not compiled. Run `npm run build:test`.');
  return script;
}
