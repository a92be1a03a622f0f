import { endWithParent } from '../servers/serve.js';
import { VitalsWatch } from './server-health.js';

// An idle process. If its event loop is late, the machine is busy and the servers are not to blame.

endWithParent();

const vitals = new VitalsWatch();
process.on('message', () => process.send?.(vitals.take()));
// startServerProcess waits for a port; this process has none.
process.send?.(0);
