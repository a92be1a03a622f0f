import { FaultSuite } from './fault-suite.js';

// The short form of each fault. A farm goes through one after the other, so each also shows that the ones before left
// nothing behind.

FaultSuite.survives({
  kill: [],
  shutdown: [],
  'kill-sub': [],
  'kill-pub': [],
  overflow: [],
  freeze: [],
  acl: [],
  garbage: [],
  oversize: [],
  'frozen-server': [],
  // The last one: it leaves two servers.
  'dead-server': [],
});

FaultSuite.survives({
  blackhole: [],
  half: [],
  partition: [],
  island: [],
});

FaultSuite.survives({ detached: [] });
FaultSuite.survives({ boot: [] });
FaultSuite.survives({ churn: [] });
