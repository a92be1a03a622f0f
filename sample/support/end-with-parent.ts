/** Preloaded into a process of a sample: ends it when the one that started it ends, however that happens. */
const PATIENCE_MS = 5000;

if (!process.connected) process.exit();
process.once('disconnect', () => {
  setTimeout(() => process.exit(1), PATIENCE_MS).unref();
  // Nest's shutdown hooks end the app properly; before they are there, the signal alone ends the process.
  process.kill(process.pid, 'SIGTERM');
});
// A process that has done its work ends: this channel alone does not keep it.
process.channel?.unref();
