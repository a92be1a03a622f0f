import { readdirSync } from 'node:fs';

// `npm run sample 02`: runs the `start` of the sample of that number.

const [number = ''] = process.argv.slice(2);
const samples = readdirSync(new URL('.', import.meta.url)).filter((name) => /^\d\d-/.test(name));
const sample = samples.find((name) => name === number || name.startsWith(`${number}-`));
if (sample === undefined) {
  console.error(`Which sample? npm run sample followed by one of\n  ${samples.sort().join('\n  ')}`);
  process.exit(2);
}
await import(new URL(`./${sample}/start.js`, import.meta.url).href);
