import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type Result, runFault, startFarm } from './bench.js';
import { FAULT_NAMES, isFaultName } from './faults.js';
import { asJson, HEADER, RULE, tableRow } from './report.js';

// npm run faults -- [--short] [--json FILE] [FAULT…]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'string' }, short: { type: 'boolean', default: false } },
});
const unknown = positionals.filter((name) => !isFaultName(name));
if (unknown.length > 0) {
  console.error(`There is no fault ${unknown.join(', ')}. There are: ${FAULT_NAMES.join(', ')}.`);
  process.exit(2);
}

const names = positionals.length > 0 ? positionals.filter(isFaultName) : FAULT_NAMES;
const form = values.short ? 'short' : 'full';
const results: Result[] = [];
console.log(`${HEADER}\n${RULE}`);
for (const name of names) {
  const farm = await startFarm(name, form);
  const result = await runFault(farm, name, form).finally(() => farm.end());
  console.log(tableRow(result));
  results.push(result);
  if (values.json !== undefined) await writeFile(values.json, asJson(results));
}
if (results.some(({ missed }) => missed.length > 0)) process.exitCode = 1;
