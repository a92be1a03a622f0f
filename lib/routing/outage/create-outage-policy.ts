import type { Bus } from '../../bus/bus.js';
import type { ResolvedOutage } from '../../options/resolve-options.js';
import { BufferPolicy } from './buffer-policy.js';
import { LocalPolicy } from './local-policy.js';
import type { OutagePolicy } from './outage-policy.js';
import { RejectPolicy } from './reject-policy.js';

export function createOutagePolicy(
  outage: ResolvedOutage,
  bus: Bus,
  onDropped: (count: number) => void,
): OutagePolicy {
  switch (outage.policy) {
    case 'reject':
      return new RejectPolicy(bus);
    case 'local':
      return new LocalPolicy(bus);
    case 'buffer':
      return new BufferPolicy(bus, outage.maxMessages, outage.maxAgeMs, onDropped);
  }
}
