import { type ClientMessage, readClientMessage } from './client-message.js';
import type { ClientProtocol } from './client-protocol.js';
import type { PayloadLimits, PayloadProblem } from './payload-limits.js';

/**
 * Reads a frame from a client: checks the bytes against the limits, and only then decodes them. Every frame from a
 * client passes through here. Never throws.
 */
export function readClientFrame(
  protocol: ClientProtocol,
  bytes: Buffer,
  limits: PayloadLimits,
): ClientMessage {
  const problem = protocol.check(bytes, limits);
  if (problem) return { kind: 'invalid', reason: describe(problem, protocol, limits) };
  try {
    return readClientMessage(protocol.decode(bytes));
  } catch {
    return { kind: 'invalid', reason: describe('malformed', protocol, limits) };
  }
}

function describe(problem: PayloadProblem, { name }: ClientProtocol, limits: PayloadLimits): string {
  if (problem === 'depth') return `A message must not be nested more than ${limits.maxDepth} levels deep.`;
  if (problem === 'elements') return `A message must not have more than ${limits.maxElements} elements.`;
  if (problem === 'key') return 'A message must not have the key __proto__.';
  return `A message must be ${name}.`;
}
