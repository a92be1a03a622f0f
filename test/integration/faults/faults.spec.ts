import { FaultSuite } from '../../faults/fault-suite.js';

// The short forms that would take too long for `npm test`.

FaultSuite.survives({ shutdown: [], 'kill-pub': [] });
FaultSuite.survives({ blackhole: [], half: [], partition: [] });
FaultSuite.survives({ detached: [] });
FaultSuite.survives({ boot: [] });
