import type { Random } from '../support/seed.js';
import { jsonText } from './json-text.js';
import { msgpackBytes } from './msgpack-bytes.js';
import { mutated, spliced } from './mutators.js';
import {
  anyName,
  anyString,
  anyValue,
  EXTREME_NUMBERS,
  list,
  map,
  nested,
  number,
  text,
  type Wire,
} from './values.js';
import { frame, OPCODE } from './ws-frames.js';

export type ProtocolName = 'json' | 'msgpack';

type Data = (random: Random) => Wire;

const GROUPS = ['g0', 'g1', '*', 'ä', 'servers', 'all'] as const;

const groupName: Data = (random) => (random.below(4) === 0 ? anyValue(random, 1) : text(random.pick(GROUPS)));

/** The events that the gateway in fuzz-gateway.ts handles, each with the kind of data its handler expects. */
const HANDLED: Readonly<Record<string, Data>> = {
  echo: anyValue,
  value: anyValue,
  numbers: (random) => number(random.pick([0, 1, 5, 100])),
  endless: anyValue,
  'stream-error': anyValue,
  intercepted: anyValue,
  'intercepted-stream': (random) => number(random.below(20)),
  ack: anyValue,
  slow: (random) => number(random.below(20)),
  throws: anyValue,
  refuses: anyValue,
  forbids: anyValue,
  join: groupName,
  leave: groupName,
  'tell-group': (random) => map(['group', groupName(random)], ['data', anyValue(random, 2)]),
  'tell-all': (random) => anyValue(random, 2),
  'emit-back': (random) => map(['event', text(anyName(random))], ['data', anyValue(random, 2)]),
  'ask-me': (random) => anyValue(random, 2),
  'ask-local': (random) => anyValue(random, 1),
  large: (random) => number(random.pick([1000, 30_000, 200_000])),
  unserialisable: (random) => number(random.below(8)),
  'close-me': (random) => number(random.pick(EXTREME_NUMBERS)),
  kick: (random) => text(anyString(random)),
  who: anyValue,
  ping: anyValue,
};
const HANDLED_NAMES = Object.keys(HANDLED);

/** A message as a well-behaved client might send it. */
export function eventMessage(random: Random, id?: Wire): Wire {
  const event = random.pick(HANDLED_NAMES);
  const data = random.below(5) === 0 ? anyValue(random) : (HANDLED[event] ?? anyValue)(random);
  return map(['event', text(event)], ['data', data], ...(id ? ([['id', id]] as const) : []));
}

/** Valid and invalid ids: too long, not an integer, or the id of one of the server's own invokes. */
export function anyId(random: Random, serverIds: readonly string[]): Wire {
  const guess = `${serverIds.length > 0 ? random.pick(serverIds) : 'AAAAAAAAAAAA'}:${random.below(50)}`;
  return random.pick<Wire>([
    number(random.below(1000)),
    text(`r${random.below(1000)}`),
    text(guess),
    text('x'.repeat(random.pick([63, 64, 65, 5000]))),
    text(anyName(random)),
    number(random.pick(EXTREME_NUMBERS)),
    anyValue(random, 1),
  ]);
}

/** A message with an id, which asks for a reply. */
export function requestMessage(random: Random, serverIds: readonly string[]): Wire {
  return eventMessage(random, anyId(random, serverIds));
}

/** A reply to an invoke with data, an error, both, neither, or extra entries. */
export function replyMessage(random: Random, id: Wire): Wire {
  const value =
    random.below(4) === 0 ? nested(random, random.pick([95, 101, 500, 20_000])) : anyValue(random);
  const other = anyValue(random, 1);
  const idEntry = ['id', id] as const;
  return random.pick<Wire>([
    map(idEntry, ['data', value]),
    map(idEntry, ['error', value]),
    map(idEntry, ['data', value], ['error', other]),
    map(['data', value], idEntry, idEntry),
    map(idEntry),
    map(idEntry, ['event', text(anyName(random))], ['data', value]),
    map(idEntry, ['__proto__', map(['data', value])]),
    list(map(idEntry, ['data', value])),
  ]);
}

/** A message of the wrong shape: an unknown event, an event that is not a string, no event, repeated keys. */
export function wrongMessage(random: Random): Wire {
  const data = anyValue(random);
  return random.pick<Wire>([
    anyValue(random),
    map(['event', text(anyName(random))], ['data', data]),
    map(['event', anyValue(random, 2)], ['data', data]),
    map(['event', text('echo')], ['event', anyValue(random, 1)], ['data', data]),
    map(['event', text('echo')], ['data', data], ['data', anyValue(random, 1)], ['extra', data]),
    map(['data', data]),
    map(),
    list(text('echo'), data),
  ]);
}

export function encoded(random: Random, protocol: ProtocolName, message: Wire): Buffer {
  return protocol === 'json' ? Buffer.from(jsonText(random, message)) : msgpackBytes(random, message);
}

/** The message in a frame of the type that its protocol uses. */
export function messageFrame(random: Random, protocol: ProtocolName, message: Wire): Buffer {
  return frame(encoded(random, protocol, message), { opcode: opcodeOf(protocol) });
}

export function opcodeOf(protocol: ProtocolName): number {
  return protocol === 'json' ? OPCODE.text : OPCODE.binary;
}

/** The bytes of a valid message, mutated or spliced with a malformed one. */
export function mutatedMessage(random: Random, protocol: ProtocolName): Buffer {
  const bytes = encoded(random, protocol, eventMessage(random, number(1)));
  if (random.below(4) > 0) return mutated(random, bytes);
  return spliced(random, bytes, encoded(random, protocol, wrongMessage(random)));
}
