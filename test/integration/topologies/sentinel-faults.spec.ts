import { FaultSuite } from '../../faults/fault-suite.js';

// The short forms. `npm run faults` runs the full ones.

FaultSuite.survives({
  'sentinel-failover': [],
  'sentinel-kill': [],
  'sentinel-freeze': [],
});

// The negative twin: the old primary still works, so a server stays there until Sentinel disconnects it.
FaultSuite.fails(['watch on sentinels'], [['sentinel-failover', 'watch on sentinels', 'noticeMs']]);
