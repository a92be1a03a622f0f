import type { FuzzCase } from '../fuzz-case.js';
import { CLIENT_CORPUS } from './client-corpus.js';
import { RECORD_CORPUS } from './record-corpus.js';
import { UPGRADE_CORPUS } from './upgrade-corpus.js';

/** Every defect found so far, replayed at the start of each run. Entries are never removed. */
export const CORPUS: readonly FuzzCase[] = [...CLIENT_CORPUS, ...UPGRADE_CORPUS, ...RECORD_CORPUS];
