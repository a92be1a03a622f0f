import type { Binary } from './debian-package.js';
import { findProgram, type Program } from './program.js';

const VALKEY: Program = {
  name: 'valkey-server',
  variable: 'VALKEY_SERVER_BIN',
  commands: ['valkey-server'],
  versionArgument: '--version',
  packages: ['valkey-server', 'valkey-tools'],
  backports: true,
  path: 'usr/bin/valkey-server',
  advice:
    'Install the package valkey-server, or set VALKEY_SERVER_BIN to the path of a valkey-server binary.',
};

/** Finds valkey-server, or resolves with the reason why there is none. */
export async function findValkeyBinary(): Promise<Binary | { readonly absent: string }> {
  try {
    return await findProgram(VALKEY);
  } catch (error) {
    // A configured binary must work.
    if (process.env[VALKEY.variable] !== undefined) throw error;
    return { absent: error instanceof Error ? error.message : String(error) };
  }
}
