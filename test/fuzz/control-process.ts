import { endWithParent } from '../servers/serve.js';
import { VitalsWatch } from './server-health.js';

// A process that does nothing. What its event loop has to wait for, every process on this machine waits for.

endWithParent();

const vitals = new VitalsWatch();
process.on('message', () => process.send?.(vitals.take()));
// In place of a port, which startServerProcess waits for.
process.send?.(0);
