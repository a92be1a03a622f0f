import { once } from 'node:events';

/** Until Ctrl-C, or until something that has to run ends by itself. Then stops everything, and this process. */
export async function runUntilStopped(ended: Promise<void>, stop: () => Promise<void>): Promise<void> {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal).then(() => true));
  console.log('Ctrl-C ends it.');
  const wanted = await Promise.race([...signals, ended.then(() => false)]);
  console.log(wanted ? '\nStopping …' : 'A server ended by itself. Stopping the others …');
  await stop();
  process.exit(wanted ? 0 : 1);
}
