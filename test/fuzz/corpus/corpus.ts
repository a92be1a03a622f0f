import type { FuzzCase } from '../fuzz-case.js';
import { CLIENT_CORPUS } from './client-corpus.js';
import { RECORD_CORPUS } from './record-corpus.js';
import { UPGRADE_CORPUS } from './upgrade-corpus.js';

/** Everything that was ever found, replayed at the start of each run. Nothing is removed from it. */
export const CORPUS: readonly FuzzCase[] = [...CLIENT_CORPUS, ...UPGRADE_CORPUS, ...RECORD_CORPUS];
