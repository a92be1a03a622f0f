import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../support/program.js';

/** The compiled form of a script of this folder: Node cannot run a TypeScript file with decorators. */
export function compiledScript(name: string): string {
  const script = join(projectRoot(), '.build/test/fuzz', `${name}.js`);
  if (!existsSync(script)) throw new Error('The servers are not compiled. Run: npm run build:test');
  return script;
}
