import { FaultSuite } from '../../faults/fault-suite.js';

// The short forms. The full ones are rows of `npm run faults`. A cluster that has lost a master is of no use to the next fault.

FaultSuite.survives({ 'cluster-kill': [] });
FaultSuite.survives({ 'cluster-freeze': [] });
