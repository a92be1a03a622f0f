import { Random } from '../../support/seed.js';
import { messageFrame } from '../client-messages.js';
import { type FuzzCase, Violation } from '../fuzz-case.js';
import { FUZZ_PATH, protocolUpgrade, upgradeRequest } from '../upgrades.js';
import { map, text } from '../values.js';
import { closeFrame } from '../ws-frames.js';
import { accepted, connected, hears } from './corpus-client.js';

const PATIENCE_MS = 5000;
const REFUSALS = 300;

const random = new Random(1);

function isAccepted(name: string, request: string): FuzzCase {
  return {
    name,
    run: async (target) => {
      const session = target.open(0, 'json');
      session.write(request);
      await accepted(session).finally(() => session.end(0));
    },
  };
}

export const UPGRADE_CORPUS: readonly FuzzCase[] = [
  isAccepted('an upgrade in absolute form', upgradeRequest({ target: `http://localhost${FUZZ_PATH}` })),
  isAccepted(
    'an upgrade in absolute form, with a port and a query',
    upgradeRequest({ target: `http://a:80${FUZZ_PATH}?b=c` }),
  ),
  ...(['json', 'msgpack'] as const).map((protocol): FuzzCase => ({
    name: `an upgrade, a ${protocol} message, a close frame and the FIN in one TCP segment`,
    run: async (target) => {
      const other = await connected(target, 0, 'json');
      const session = target.open(0, protocol);
      const last = messageFrame(
        random,
        protocol,
        map(['event', text('tell-all')], ['data', text('last-words')]),
      );
      session.finish(Buffer.concat([Buffer.from(protocolUpgrade(protocol)), last, closeFrame(1000)]));
      const heard = await other.until(() => hears(other, 'last-words'), PATIENCE_MS);
      await Promise.all([session.end(0), other.end(0)]);
      if (!heard) throw new Violation('the message was dropped.');
    },
  })),
  {
    name: `${REFUSALS} clients refused by an error with a message of 3,000 characters`,
    run: async (target) => {
      const sessions = Array.from({ length: REFUSALS }, () => target.open(0, 'json'));
      for (const session of sessions) session.write(upgradeRequest({ headers: { 'X-Fuzz': 'throw' } }));
      await Promise.all(sessions.map((session) => session.end(PATIENCE_MS)));
    },
  },
];
