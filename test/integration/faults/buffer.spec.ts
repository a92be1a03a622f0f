import { FaultSuite } from '../../faults/fault-suite.js';

// The same faults with `outage: { buffer }`: what is buffered arrives, or is reported.

FaultSuite.survives(
  { kill: [], 'kill-sub': [], 'kill-pub': [], overflow: [], freeze: [], acl: [], oversize: [] },
  'buffer',
);
FaultSuite.survives({ blackhole: [], half: [], partition: [] }, 'buffer');
