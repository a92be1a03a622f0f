import type { Binary } from './debian-package.js';
import { findProgram, type Program } from './program.js';

const CHROMIUM: Program = {
  name: 'chromium',
  variable: 'CHROMIUM_BIN',
  commands: ['chromium', 'chromium-browser', 'google-chrome'],
  versionArgument: '--version',
  packages: ['chromium', 'chromium-common'],
  path: 'usr/lib/chromium/chromium',
  advice: 'Install the package chromium, or set CHROMIUM_BIN to the path of a Chromium or Chrome.',
};

/** The Chromium to drive: the configured one, an installed one, or one downloaded into the cache. */
export function findChromiumBinary(): Promise<Binary> {
  return findProgram(CHROMIUM);
}
