import type { ProtocolName } from '../client-messages.js';
import { type FuzzTarget, Violation } from '../fuzz-case.js';
import type { RawSession } from '../raw-session.js';
import { protocolUpgrade } from '../upgrades.js';

const PATIENCE_MS = 10_000;
const SWITCHING = 'HTTP/1.1 101';

/** A client whose upgrade was accepted. */
export async function connected(
  target: FuzzTarget,
  server: number,
  protocol: ProtocolName,
): Promise<RawSession> {
  const session = target.open(server, protocol);
  session.write(protocolUpgrade(protocol));
  await accepted(session);
  return session;
}

export async function accepted(session: RawSession): Promise<void> {
  if (await session.until(() => session.received.includes(SWITCHING), PATIENCE_MS)) return;
  throw new Violation(`the upgrade got the response ${JSON.stringify(session.received.slice(0, 40))}.`);
}

/** Whether the client received this text. Works for both protocols because both send ASCII unchanged. */
export function hears(session: RawSession, text: string): boolean {
  return session.received.includes(text);
}
