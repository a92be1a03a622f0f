import { FaultSuite } from '../../faults/fault-suite.js';

// The negative twins: with a mechanism taken out of the servers' processes a fault misses its target, so the check of
// the fault can fail. The columns tell the mechanisms of a farm apart.

FaultSuite.fails(
  [
    'loss reports',
    'local delivery',
    'deduplication',
    'limit of size',
    'retry of refused channels',
    'death of silent servers',
  ],
  [
    // Also for shutdown, overflow, freeze, blackhole, half, partition, detached and churn: one place reports.
    ['kill-sub', 'loss reports', 'uncovered'],
    ['kill', 'local delivery', 'undelivered'],
    ['kill-pub', 'deduplication', 'duplicates'],
    ['oversize', 'limit of size', 'refused at the sender'],
    ['acl', 'retry of refused channels', 'readyMs'],
    // Also for frozen-server: the same silence declares it dead.
    ['dead-server', 'death of silent servers', 'noticeMs'],
  ],
);

FaultSuite.fails(['resubscription'], [['overflow', 'resubscription', 'uncovered']]);
FaultSuite.fails(['guard against garbage'], [['garbage', 'guard against garbage', 'exits']]);
// Also for freeze, blackhole, half and partition: no socket closes there either.
FaultSuite.fails(['echo deadline'], [['detached', 'echo deadline', 'noticeMs']]);
FaultSuite.fails(['heartbeat numbers'], [['island', 'heartbeat numbers', 'uncovered']]);
FaultSuite.fails(['wait for Redis'], [['boot', 'wait for Redis', 'with abortConnect']]);
