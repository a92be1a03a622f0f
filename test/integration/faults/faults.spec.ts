import { FaultSuite } from '../../faults/fault-suite.js';

// The short forms that `npm test` has no time for.

FaultSuite.survives({ shutdown: [], 'kill-pub': [] });
FaultSuite.survives({ blackhole: [], half: [], partition: [] });
FaultSuite.survives({ detached: [] });
FaultSuite.survives({ boot: [] });
