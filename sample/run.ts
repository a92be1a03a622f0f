import { existsSync, readdirSync } from 'node:fs';

// `npm run sample 02`: runs the `start` of the sample of that number.

const [number = ''] = process.argv.slice(2);
const startOf = (name: string): URL => new URL(`./${name}/start.js`, import.meta.url);
// One that is there to be read has no start.
const samples = readdirSync(new URL('.', import.meta.url)).filter((name) => existsSync(startOf(name)));
const sample = samples.find((name) => name === number || name.startsWith(`${number}-`));
if (sample === undefined) {
  console.error(`Which sample? npm run sample followed by one of\n  ${samples.sort().join('\n  ')}`);
  process.exit(2);
}
await import(startOf(sample).href);
