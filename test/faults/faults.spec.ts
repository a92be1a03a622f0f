import { FaultSuite } from './fault-suite.js';

// Short forms of one fault of each kind; the others run in the slow suites. A farm goes through one after the other, so each
// also shows that the ones before left nothing behind.

FaultSuite.survives({
  kill: [],
  'kill-sub': [],
  overflow: [],
  freeze: [],
  acl: [],
  garbage: [],
  oversize: [],
  'frozen-server': [],
  // The last one: it leaves two servers.
  'dead-server': [],
});

FaultSuite.survives({ island: [] });
FaultSuite.survives({ churn: [] });
