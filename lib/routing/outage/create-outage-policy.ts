import type { Bus } from '../../bus/bus.js';
import type { ResolvedOutage } from '../../options/resolve-options.js';
import type { GiveUpReason } from '../routing.errors.js';
import { BufferPolicy } from './buffer-policy.js';
import { LocalPolicy } from './local-policy.js';
import type { OutagePolicy, OutgoingMessage } from './outage-policy.js';
import { RejectPolicy } from './reject-policy.js';

export function createOutagePolicy(
  outage: ResolvedOutage,
  bus: Bus,
  onGivenUp: (messages: readonly OutgoingMessage[], reason: GiveUpReason) => void,
): OutagePolicy {
  switch (outage.policy) {
    case 'reject':
      return new RejectPolicy(bus);
    case 'local':
      return new LocalPolicy(bus);
    case 'buffer':
      return new BufferPolicy(bus, outage, onGivenUp);
  }
}
