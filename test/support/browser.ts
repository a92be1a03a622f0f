import { type Browser, chromium } from 'playwright-core';
import { findChromiumBinary } from './chromium-binary.js';

// Flags for a browser without background network traffic that can run as root and without a display.
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts a Chromium with a new temporary profile. It ends with this process. */
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
