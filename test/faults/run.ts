import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type Result, runFault, startFarm } from './bench.js';
import { FAULT_NAMES, isFaultName } from './faults.js';
import { isPolicy, POLICIES } from './messages.js';
import { asJson, HEADER, RULE, tableRow } from './report.js';
import { timelineOf } from './timeline.js';

// npm run faults -- [--short] [--policy reject|local|buffer]… [--json FILE] [FAULT…]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'string' },
    short: { type: 'boolean', default: false },
    policy: { type: 'string', multiple: true, default: ['reject', 'buffer'] },
  },
});
const unknown = positionals.filter((name) => !isFaultName(name));
if (unknown.length > 0) {
  console.error(`Unknown fault ${unknown.join(', ')}. Use one of: ${FAULT_NAMES.join(', ')}.`);
  process.exit(2);
}

const policies = values.policy.filter(isPolicy);
if (policies.length < values.policy.length) {
  console.error(`Invalid option --policy: expected one of ${POLICIES.join(', ')}.`);
  process.exit(2);
}
const names = positionals.length > 0 ? positionals.filter(isFaultName) : FAULT_NAMES;
const form = values.short ? 'short' : 'full';
const results: Result[] = [];
console.log(`${HEADER}\n${RULE}`);
for (const name of names) {
  for (const policy of policies) {
    const farm = await startFarm(name, form, [], policy);
    const result = await runFault(farm, name, form).finally(() => farm.end());
    console.log(tableRow(result));
    if (result.missed.length > 0) console.error(timelineOf(result.facts));
    results.push(result);
    if (values.json !== undefined) await writeFile(values.json, asJson(results));
  }
}
if (results.some(({ missed }) => missed.length > 0)) process.exitCode = 1;
