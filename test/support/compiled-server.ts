import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The compiled script of a server in `test/servers`. Node cannot run TypeScript files with decorators. */
export function compiledServer(name: string): string {
  const script = fileURLToPath(new URL(`../../.build/test/servers/${name}.js`, import.meta.url));
  if (!existsSync(script)) throw new Error('The test servers are not compiled. Run `npm run build:test`.');
  return script;
}
