import type { Audience, ContestantName } from './contestants/contestant.js';
import type { Pace } from './pacer.js';

/** Two servers of a contestant, one that emits and one that holds all sockets, under a load. */
export interface Scenario {
  readonly about: string;
  readonly sockets: number;
  /** Bytes of the event's data as JSON. */
  readonly payloadBytes: number;
  readonly audience: Audience;
  readonly groups: number;
  readonly groupsPerSocket: number;
  /** The cost of an emit is asked for: what the pacing costs the emitter by itself is measured too, and taken off. */
  readonly lessPacing: boolean;
  /** A hundred joins and leaves of other groups a second go on. */
  readonly churn: boolean;
  readonly contestants: readonly ContestantName[];
  readonly load: Pace | 'flood' | 'third of a flood' | 'accepts' | 'none' | 'no clients';
  /** Where the servers themselves are what is measured. */
  readonly servers: number;
  /** Too many sockets to hold for all contestants at once: each turn has processes of its own. */
  readonly apart: boolean;
}

const EVERYBODY: readonly ContestantName[] = ['ours', 'socket.io', 'socket.io sharded', 'floor'];
/** Where a message's way through Redis is the smaller part, one of Socket.IO's adapters is enough. */
const WITHOUT_SHARDED: readonly ContestantName[] = ['ours', 'socket.io', 'floor'];
const BASE: Scenario = {
  about: '',
  sockets: 500,
  payloadBytes: 200,
  audience: 'all',
  groups: 0,
  groupsPerSocket: 0,
  lessPacing: false,
  churn: false,
  contestants: EVERYBODY,
  load: 'none',
  servers: 2,
  apart: false,
};

export const SCENARIOS = {
  steady: { ...BASE, about: '200 emits/s to 500 sockets', load: { rate: 200, burst: 1, seconds: 1.5 } },
  burst: {
    ...BASE,
    contestants: WITHOUT_SHARDED,
    about: '2,000 emits/s in tens to 500 sockets',
    load: { rate: 2000, burst: 10, seconds: 0.5 },
  },
  flood: { ...BASE, about: 'as fast as it goes to 200 sockets', sockets: 200, load: 'flood' },
  'fan-in': {
    ...BASE,
    about: '20,000 emits/s in tens to 10 sockets',
    sockets: 10,
    payloadBytes: 64,
    lessPacing: true,
    load: { rate: 20_000, burst: 10, seconds: 1 },
  },
  direct: {
    ...BASE,
    about: '2,000 emits/s to single connections of the other server',
    audience: 'connection',
    lessPacing: true,
    load: { rate: 2000, burst: 1, seconds: 1.5 },
  },
  'groups-steady': {
    ...BASE,
    about: '2,000 emits/s to 1,000 groups of ten, 100 joins and leaves a second',
    sockets: 2000,
    audience: 'group',
    groups: 1000,
    groupsPerSocket: 5,
    churn: true,
    load: { rate: 2000, burst: 1, seconds: 2 },
  },
  'groups-burst': {
    ...BASE,
    contestants: WITHOUT_SHARDED,
    about: '20,000 emits/s in bursts of 200 to 1,000 groups of ten',
    sockets: 2000,
    audience: 'group',
    groups: 1000,
    groupsPerSocket: 5,
    load: { rate: 20_000, burst: 200, seconds: 0.5 },
  },
  large: {
    ...BASE,
    contestants: WITHOUT_SHARDED,
    about: '100 emits/s of 16 KiB to 200 sockets',
    sockets: 200,
    payloadBytes: 16 * 1024,
    load: { rate: 100, burst: 1, seconds: 1.5 },
  },
  latency: {
    ...BASE,
    contestants: WITHOUT_SHARDED,
    about: "a third of what socket.io's flood takes, to 200 sockets",
    sockets: 200,
    load: 'third of a flood',
  },
  'big room': {
    ...BASE,
    about: '5 emits/s to 10,000 sockets',
    sockets: 10_000,
    contestants: WITHOUT_SHARDED,
    load: { rate: 5, burst: 1, seconds: 2 },
    apart: true,
  },
  accepts: {
    ...BASE,
    about: '4,000 sockets that connect, again and again',
    sockets: 4000,
    contestants: WITHOUT_SHARDED,
    load: 'accepts',
  },
  'idle memory': {
    ...BASE,
    about: '10,000 sockets that say nothing',
    sockets: 10_000,
    contestants: WITHOUT_SHARDED,
    load: 'none',
    apart: true,
  },
  'idle farm': {
    ...BASE,
    about: '400 servers without clients, which know of each other',
    sockets: 0,
    servers: 400,
    contestants: ['ours'],
    load: 'no clients',
  },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof SCENARIOS;

export function isScenarioName(name: string): name is ScenarioName {
  return name in SCENARIOS;
}
