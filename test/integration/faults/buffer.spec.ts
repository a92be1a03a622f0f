import { FaultSuite } from '../../faults/fault-suite.js';

// The same faults with `outage: { buffer }`. Buffered messages must arrive or be reported.

FaultSuite.survives(
  { kill: [], 'kill-sub': [], 'kill-pub': [], overflow: [], freeze: [], acl: [], oversize: [] },
  'buffer',
);
FaultSuite.survives({ blackhole: [], half: [], partition: [] }, 'buffer');
