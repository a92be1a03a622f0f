import { FaultSuite } from '../../faults/fault-suite.js';

// The short forms. `npm run faults` runs the full ones. Each needs a new cluster because one that lost a master cannot
// be reused.

FaultSuite.survives({ 'cluster-kill': [] });
FaultSuite.survives({ 'cluster-freeze': [] });
