import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The script of a server of `test/servers`, which runs compiled: Node cannot run a TypeScript file with decorators. */
export function compiledServer(name: string): string {
  const script = fileURLToPath(new URL(`../../.build/test/servers/${name}.js`, import.meta.url));
  if (!existsSync(script)) throw new Error('The servers are not compiled: npm run build:test');
  return script;
}
