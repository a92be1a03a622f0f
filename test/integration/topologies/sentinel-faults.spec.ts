import { FaultSuite } from '../../faults/fault-suite.js';

// The short forms. The full ones are rows of `npm run faults`.

FaultSuite.survives({
  'sentinel-failover': [],
  'sentinel-kill': [],
  'sentinel-freeze': [],
});

// The negative twin: the primary before serves on, so a server stays until Sentinel throws it out.
FaultSuite.fails(['watch on sentinels'], [['sentinel-failover', 'watch on sentinels', 'noticeMs']]);
