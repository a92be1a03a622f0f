// How long messages of other servers took to get here.

import { $, element } from './dom.js';
import { world } from './world.js';

const KEPT = 40;
/** A lone message of a few milliseconds is no full bar. */
const MIN_SCALE_MS = 10;

const latencies = [];

/** @param ms from the sender's server to this page */
export function recordLatency(ms, server) {
  latencies.push({ ms, server });
  if (latencies.length > KEPT) latencies.shift();
  const sorted = latencies.map(({ ms }) => ms).sort((a, b) => a - b);
  const [median, slowest] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted.at(-1)];
  const count = latencies.length === 1 ? 'one message' : `${latencies.length} messages`;
  $('median').textContent = median < 1 ? '< 1 ms' : `${median} ms`;
  $('latency-detail').textContent = `median of ${count} through ${world.carrier}, the slowest ${slowest} ms`;
  $('bars').replaceChildren(...latencies.map((latency) => bar(latency, Math.max(slowest, MIN_SCALE_MS))));
  $('latency').hidden = false;
}

function bar({ ms, server }, scaleMs) {
  const made = element('span', 'bar', '', server);
  made.style.setProperty('--height', Math.max(0.08, ms / scaleMs));
  return made;
}
