import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** The heap in use, in bytes. */
export async function heapUsed(): Promise<number> {
  await collect();
  return process.memoryUsage().heapUsed;
}

/** The size of all buffers, in bytes. They are not on the heap. */
export async function bufferBytes(): Promise<number> {
  await collect();
  return process.memoryUsage().arrayBuffers;
}

/** Collects garbage twice because finalizers release objects after the first time. */
async function collect(): Promise<void> {
  for (let times = 0; times < 2; times++) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
