import type { Random } from '../support/seed.js';
import {
  NETWORK_STRIKES,
  PROCESS_STRIKES,
  REDIS_STRIKES,
  type Strike,
  type StrikeKind,
  type StrikeName,
} from './strikes.js';

/** Strikes that run one after the other. */
export type Track = readonly Strike[];

/** Tracks that run side by side. A round without tracks is calm. */
export type Plan = readonly Track[];

/** Tracks are filled up to this length. The last strike of each may end later. */
const ROUND_MS = 12_000;
/** The longest pause between two strikes of a track. Some pauses are too short for a server to recover, some are not. */
const MAX_PAUSE_MS = 5000;
/** The probability that a round has each track, so usually two or three faults overlap. */
const TRACK_PROBABILITY = 0.5;
/** One round in this many is calm. Anything reported in it is wrong. */
const CALM_EVERY = 8;

/** The faults of a round. The same seed and round give the same plan. */
export function planOf(random: Random, round: number, servers: number): Plan {
  if (round % CALM_EVERY === 0) return [];
  const own = Array.from({ length: servers }, (_, server) => server);
  const anyServer = (): number => random.below(servers);
  const tracks = [
    fill(random, REDIS_STRIKES, anyServer),
    fill(random, PROCESS_STRIKES, anyServer),
    ...own.map((server) => fill(random, NETWORK_STRIKES, () => server)),
  ];
  const chosen = tracks.filter(() => random.next() < TRACK_PROBABILITY);
  return chosen.length > 0 ? chosen : [random.pick(tracks)];
}

export function describePlan(plan: Plan): string {
  if (plan.length === 0) return 'calm';
  return plan
    .map((track) =>
      track
        .map(({ name, server, pauseMs, lastsMs }) => `+${pauseMs} ${name}(${server}) ${lastsMs}`)
        .join(', '),
    )
    .join(' | ');
}

function fill<Name extends StrikeName>(
  random: Random,
  kinds: Readonly<Record<Name, StrikeKind>>,
  serverOf: () => number,
): Track {
  const names = Object.keys(kinds) as Name[];
  const track: Strike[] = [];
  for (let filledMs = 0; filledMs < ROUND_MS;) {
    const name = random.pick(names);
    const [min, max] = kinds[name].lastsMs;
    const strike = {
      name,
      server: serverOf(),
      pauseMs: random.below(MAX_PAUSE_MS),
      lastsMs: min + random.below(max - min + 1),
      strength: random.next(),
    };
    filledMs += strike.pauseMs + strike.lastsMs;
    track.push(strike);
  }
  return track;
}
