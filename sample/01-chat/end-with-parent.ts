/** Preloaded into a server process of the demo: ends it when the demo ends, however that happens. */
const PATIENCE_MS = 5000;

if (!process.connected) process.exit();
process.once('disconnect', () => {
  setTimeout(() => process.exit(1), PATIENCE_MS).unref();
  // Nest's shutdown hooks end the app properly; before they are there, the signal alone ends the process.
  process.kill(process.pid, 'SIGTERM');
});
