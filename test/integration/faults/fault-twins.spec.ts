import { FaultSuite } from '../../faults/fault-suite.js';

// The negative twins: with a mechanism switched off in the server processes, a fault must miss a target. That proves
// that the check can fail. Each twin of a farm is identified by a different column.

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
    // Also covers shutdown, overflow, freeze, blackhole, half, partition, detached and churn: the same code reports
    // them.
    ['kill-sub', 'loss reports', 'uncovered'],
    ['kill', 'local delivery', 'undelivered'],
    ['kill-pub', 'deduplication', 'duplicates'],
    ['oversize', 'limit of size', 'rejects with MessageTooLargeError'],
    ['acl', 'retry of refused channels', 'readyMs'],
    // Also covers frozen-server: the same silence makes it count as dead.
    ['dead-server', 'death of silent servers', 'noticeMs'],
  ],
);

FaultSuite.fails(['resubscription'], [['overflow', 'resubscription', 'uncovered']]);
FaultSuite.fails(['guard against garbage'], [['garbage', 'guard against garbage', 'exits']]);
// Also covers freeze, blackhole, half and partition: no socket closes there either.
FaultSuite.fails(['echo deadline'], [['detached', 'echo deadline', 'noticeMs']]);
FaultSuite.fails(['heartbeat numbers'], [['island', 'heartbeat numbers', 'uncovered']]);
FaultSuite.fails(['wait for Redis'], [['boot', 'wait for Redis', 'with abortConnect']]);
