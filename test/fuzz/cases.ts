import { Random } from '../support/seed.js';
import {
  anyId,
  encoded,
  eventMessage,
  messageFrame,
  mutatedMessage,
  opcodeOf,
  type ProtocolName,
  replyMessage,
  requestMessage,
  wrongMessage,
} from './client-messages.js';
import type { FuzzCase, FuzzTarget } from './fuzz-case.js';
import { mutated } from './mutators.js';
import type { RawSession } from './raw-session.js';
import { anyChannel, anyEnvelope } from './records.js';
import { anyUpgrade, protocolUpgrade } from './upgrades.js';
import { anyValue, map, number, text } from './values.js';
import { closeFrame, CONTROL_FRAMES, fragmented, frame, repeated, WRONG_FRAMES } from './ws-frames.js';

const MAX_GRACE_MS = 40;

type Step = (random: Random, session: RawSession, target: FuzzTarget) => void | Promise<void>;

/** Each step writes something. A step that needs a reply waits for it, but not for long. */
const STEPS: Readonly<Record<string, Step>> = {
  event: (random, session) => session.write(messageFrame(random, session.protocol, eventMessage(random))),
  request: (random, session, { serverIds }) =>
    session.write(messageFrame(random, session.protocol, requestMessage(random, serverIds))),
  'wrong message': (random, session) =>
    session.write(messageFrame(random, session.protocol, wrongMessage(random))),
  'mutated message': (random, session) =>
    session.write(frame(mutatedMessage(random, session.protocol), { opcode: opcodeOf(session.protocol) })),
  'mutated frame': (random, session) =>
    session.write(mutated(random, messageFrame(random, session.protocol, eventMessage(random)))),
  'reply to an invoke of its server': async (random, session) => {
    session.write(
      messageFrame(random, session.protocol, map(['event', text('ask-me')], ['data', number(1)])),
    );
    await reply(random, session);
  },
  'reply to an invoke of another server': async (random, session, target) => {
    if (!(await introduced(random, session, target))) return;
    target.invoke(random.below(2), session.connectionId ?? '');
    await reply(random, session);
  },
  'reply to a request that was never sent': (random, session, { serverIds }) =>
    session.write(messageFrame(random, session.protocol, replyMessage(random, anyId(random, serverIds)))),
  'control frame': (random, session) => session.write(random.pick(CONTROL_FRAMES)(random)),
  'wrong frame': (random, session) =>
    session.write(random.pick(WRONG_FRAMES)(random, encoded(random, session.protocol, eventMessage(random)))),
  fragments: (random, session) =>
    session.write(
      fragmented(random, encoded(random, session.protocol, eventMessage(random)), opcodeOf(session.protocol)),
    ),
  flood: (random, session) =>
    session.write(
      repeated(1 + random.below(400), messageFrame(random, session.protocol, eventMessage(random))),
    ),
  'stops reading': (random, session) => {
    session.stopReading();
    const large = map(['event', text('large')], ['data', number(200_000)]);
    session.write(repeated(random.below(30), messageFrame(random, session.protocol, large)));
  },
};
const STEP_NAMES = Object.keys(STEPS);

/** Waits for an invoke, then sends one or two malformed replies. */
async function reply(random: Random, session: RawSession): Promise<void> {
  await session.until(() => session.invokes.length > 0);
  const id = session.invokes.shift();
  if (id === undefined) return;
  for (let left = 1 + random.below(2); left > 0; left--)
    session.write(messageFrame(random, session.protocol, replyMessage(random, text(id))));
}

/** Asks the server for the connection's id. Resolves with `false` if no id came. */
async function introduced(random: Random, session: RawSession, target: FuzzTarget): Promise<boolean> {
  if (session.connectionId === undefined)
    session.write(
      messageFrame(random, session.protocol, map(['event', text('who')], ['data', anyValue(random, 0)])),
    );
  await session.until(() => session.connectionId !== undefined);
  if (session.connectionId === undefined) return false;
  target.remember(session.connectionId);
  return true;
}

const ENDS: readonly ((random: Random, session: RawSession) => void)[] = [
  (_random, session) => session.finish(),
  (_random, session) => session.reset(),
  (random, session) => session.write(closeFrame(random.pick([1000, 1001, 4000]))),
  // The close frame and the FIN in one TCP segment, with a message before or after the close frame.
  (random, session) => session.finish(Buffer.concat([lastMessage(random, session), closeFrame(1000)])),
  (random, session) => session.finish(Buffer.concat([closeFrame(1000), lastMessage(random, session)])),
  () => undefined,
];

function lastMessage(random: Random, { protocol }: RawSession): Buffer {
  return messageFrame(random, protocol, eventMessage(random));
}

function clientCase(random: Random): FuzzCase {
  const protocol = random.pick<ProtocolName>(['json', 'msgpack']);
  const names = [random.pick(STEP_NAMES), ...random.list(5, () => random.pick(STEP_NAMES))];
  return {
    name: `${protocol}: ${names.join(', ')}`,
    run: async (target) => {
      const session = target.open(random.below(2), protocol);
      session.write(protocolUpgrade(protocol));
      for (const name of names) await STEPS[name]?.(random, session, target);
      random.pick(ENDS)(random, session);
      await session.end(random.below(MAX_GRACE_MS));
    },
  };
}

function upgradeCase(random: Random): FuzzCase {
  const protocol = random.pick<ProtocolName>(['json', 'msgpack']);
  const whole = Buffer.from(anyUpgrade(random), 'latin1');
  const request = random.below(5) === 0 ? mutated(random, whole) : whole;
  const early =
    random.below(2) === 0 ? Buffer.alloc(0) : repeated(random.below(300), lastFrame(random, protocol));
  const cut = random.below(3) === 0 ? random.below(request.length + 1) : request.length;
  return {
    name: `upgrade: ${request.toString('latin1').slice(0, 60).replace(/\s+/g, ' ')}`,
    run: async (target) => {
      const session = target.open(random.below(2), protocol);
      session.write(request.subarray(0, cut));
      // The early frames share a TCP segment with the rest of the request, or follow it.
      session.write(Buffer.concat([request.subarray(cut), early]));
      random.pick(ENDS)(random, session);
      await session.end(random.below(MAX_GRACE_MS));
    },
  };
}

function lastFrame(random: Random, protocol: ProtocolName): Buffer {
  return messageFrame(random, protocol, random.below(2) === 0 ? eventMessage(random) : wrongMessage(random));
}

function recordCase(random: Random): FuzzCase {
  return {
    name: 'records between servers',
    run: async (target) => {
      for (let left = 1 + random.below(10); left > 0; left--)
        await target.publish(anyChannel(random, target), anyEnvelope(random, target));
    },
  };
}

/** The case with this index. The same seed gives the same case, except for the ids that the servers assign. */
export function caseOf(seed: number, index: number): FuzzCase {
  const random = new Random((seed ^ Math.imul(index + 1, 0x9e3779b1)) >>> 0);
  // Skip the first number because neighbouring seeds start with similar ones.
  random.next();
  const kind = random.below(10);
  if (kind < 5) return clientCase(random);
  return kind < 7 ? upgradeCase(random) : recordCase(random);
}
