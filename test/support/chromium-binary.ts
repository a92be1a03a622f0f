import { join } from 'node:path';
import type { Binary } from './debian-package.js';
import { findProgram, type Program } from './program.js';

const CHROMIUM: Program = {
  name: 'chromium',
  variable: 'CHROMIUM_BIN',
  commands: ['chromium', 'chromium-browser', 'google-chrome'],
  versionArgument: '--version',
  // A machine without a desktop has no fonts.
  packages: ['chromium', 'chromium-common', 'fontconfig-config', 'fonts-inter'],
  path: 'usr/lib/chromium/chromium',
  environment: (root) => ({
    FONTCONFIG_PATH: join(root, 'etc/fonts'),
    // The only folder of fontconfig's search path that can be changed by a variable.
    XDG_DATA_HOME: join(root, 'usr/share'),
  }),
  advice: 'Install the package chromium, or set CHROMIUM_BIN to the path of a Chromium or Chrome.',
};

/** Finds Chromium: the configured one, an installed one, or one downloaded into the cache. */
export function findChromiumBinary(): Promise<Binary> {
  return findProgram(CHROMIUM);
}
