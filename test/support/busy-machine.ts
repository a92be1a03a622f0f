/**
 * What a busy machine may add to a step that takes milliseconds. A time limit in a test tells such a step from one that
 * waits for good, or for a documented time that is longer; it never tells a fast machine from a slow one.
 */
export const BUSY_MACHINE_MS = 5000;
