import { type Browser, chromium } from 'playwright-core';
import { findChromiumBinary } from './chromium-binary.js';

// A browser that asks nothing of the network, and that may be run by root and without a display.
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A Chromium with a profile of its own, which is new and goes with it. It ends when this process ends. */
export async function startBrowser(): Promise<Browser> {
  const { command, env } = await findChromiumBinary();
  const defined = Object.entries(env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  );
  return chromium.launch({
    executablePath: command,
    args: ARGS,
    env: Object.fromEntries(defined) as Record<string, string>,
  });
}
