import { FaultSuite } from './fault-suite.js';

// Short forms of one fault of each kind. The others run in the integration tests. One farm goes through a whole list,
// so each fault also shows that the earlier ones left nothing behind.

FaultSuite.survives({
  kill: [],
  'kill-sub': [],
  overflow: [],
  freeze: [],
  acl: [],
  garbage: [],
  oversize: [],
  'frozen-server': [],
  // Last, because only two servers survive it.
  'dead-server': [],
});

FaultSuite.survives({ island: [] });
FaultSuite.survives({ churn: [] });
