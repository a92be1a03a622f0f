import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { Bench, type Effort } from './bench.js';
import { CONTESTANTS } from './contestants/contestant.js';
import { table } from './report.js';
import type { Row } from './results.js';
import { isScenarioName, type ScenarioName, SCENARIOS } from './scenarios.js';

// npm run bench -- [--quick] [--check] [--json FILE] [SCENARIO…]

const FULL: Effort = {
  rounds: 5,
  time: 1,
  warmingSeconds: 2,
  isolatedRounds: 3,
  isolatedTime: 1,
  crowdScale: 1,
  contestants: CONTESTANTS,
};
const QUICK: Effort = {
  rounds: 1,
  time: 0.2,
  warmingSeconds: 0.3,
  isolatedRounds: 1,
  isolatedTime: 0.3,
  crowdScale: 0.2,
  contestants: ['ours', 'socket.io', 'floor'],
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
const known = Object.keys(SCENARIOS).filter(isScenarioName);
const unknown = positionals.filter((name) => !isScenarioName(name));
if (unknown.length > 0) {
  console.error(`Unknown scenario ${unknown.join(', ')}. Use one of: ${known.join(', ')}.`);
  process.exit(2);
}

const names: ScenarioName[] = positionals.length > 0 ? positionals.filter(isScenarioName) : known;
const bench = await Bench.start(values.quick ? QUICK : FULL);
try {
  for (const name of names) {
    console.error(`${name}: ${SCENARIOS[name].about}`);
    try {
      await bench.run(name);
    } catch (error) {
      // What the others have measured took minutes, and is not lost with it.
      console.error(`${name} failed:`, error);
      process.exitCode = 1;
    }
  }
} finally {
  await bench.end();
}

const rows = bench.results.rows();
const machine = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length };
console.log(`\nNode ${machine.node}, ${machine.cores} cores, ${machine.cpu ?? ''}\n\n${table(rows)}`);
if (values.json !== undefined) {
  const json = { machine, quick: values.quick, rows, values: bench.results.all() };
  await writeFile(values.json, `${JSON.stringify(json, undefined, 2)}\n`);
}
if (values.check && rows.some(hasMissed)) process.exitCode = 1;

function hasMissed({ toSocketIo, toFloor, signalrToPlain }: Row): boolean {
  return [toSocketIo, toFloor, signalrToPlain].some(({ missed }) => missed);
}
