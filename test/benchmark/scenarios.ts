import type { Audience, ContestantName } from './contestants/contestant.js';
import type { Pace } from './pacer.js';

/** A load on two servers of a contestant: one emits, the other holds all sockets. */
export interface Scenario {
  readonly about: string;
  readonly sockets: number;
  /** Bytes of the event's data as JSON. */
  readonly payloadBytes: number;
  readonly audience: Audience;
  readonly groups: number;
  readonly groupsPerSocket: number;
  /** Whether to measure the CPU cost of pacing too and subtract it, for scenarios that measure the cost of an emit. */
  readonly subtractsPacing: boolean;
  /** Whether sockets join and leave other groups meanwhile, a hundred times a second. */
  readonly churn: boolean;
  readonly contestants: readonly ContestantName[];
  readonly load: Pace | 'flood' | 'third of a flood' | 'accepts' | 'none' | 'no clients';
  /** The number of servers, if idle servers are measured. */
  readonly servers: number;
  /** Whether each turn starts its own processes, because there are too many sockets for all contestants at once. */
  readonly isolated: boolean;
}

const EVERYBODY: readonly ContestantName[] = ['ours', 'socket.io', 'socket.io sharded', 'floor'];
const WITH_SIGNALR: readonly ContestantName[] = ['ours', 'signalr', 'socket.io', 'floor'];
/** One of Socket.IO's adapters is enough if the way through Redis is the smaller part of the cost. */
const WITHOUT_SHARDED: readonly ContestantName[] = ['ours', 'socket.io', 'floor'];
const BASE: Scenario = {
  about: '',
  sockets: 500,
  payloadBytes: 200,
  audience: 'all',
  groups: 0,
  groupsPerSocket: 0,
  subtractsPacing: false,
  churn: false,
  contestants: EVERYBODY,
  load: 'none',
  servers: 2,
  isolated: false,
};

export const SCENARIOS = {
  steady: {
    ...BASE,
    contestants: [...WITH_SIGNALR, 'socket.io sharded'],
    about: '200 emits/s to 500 sockets',
    load: { rate: 200, burst: 1, seconds: 1.5 },
  },
  burst: {
    ...BASE,
    contestants: WITH_SIGNALR,
    about: '2,000 emits/s in tens to 500 sockets',
    load: { rate: 2000, burst: 10, seconds: 0.5 },
  },
  flood: { ...BASE, about: 'as many emits/s as possible to 200 sockets', sockets: 200, load: 'flood' },
  'fan-in': {
    ...BASE,
    about: '20,000 emits/s in tens to 10 sockets',
    sockets: 10,
    payloadBytes: 64,
    subtractsPacing: true,
    load: { rate: 20_000, burst: 10, seconds: 1 },
  },
  direct: {
    ...BASE,
    about: '2,000 emits/s to single connections of the other server',
    audience: 'connection',
    subtractsPacing: true,
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
    contestants: WITH_SIGNALR,
    about: '100 emits/s of 16 KiB to 200 sockets',
    sockets: 200,
    payloadBytes: 16 * 1024,
    load: { rate: 100, burst: 1, seconds: 1.5 },
  },
  latency: {
    ...BASE,
    contestants: WITHOUT_SHARDED,
    about: "a third of socket.io's flood rate, to 200 sockets",
    sockets: 200,
    load: 'third of a flood',
  },
  'big room': {
    ...BASE,
    about: '5 emits/s to 10,000 sockets',
    sockets: 10_000,
    contestants: WITHOUT_SHARDED,
    load: { rate: 5, burst: 1, seconds: 2 },
    isolated: true,
  },
  accepts: {
    ...BASE,
    about: '4,000 sockets that connect, repeatedly',
    sockets: 4000,
    contestants: WITHOUT_SHARDED,
    load: 'accepts',
  },
  'idle memory': {
    ...BASE,
    about: '10,000 idle sockets',
    sockets: 10_000,
    contestants: WITHOUT_SHARDED,
    load: 'none',
    isolated: true,
  },
  'idle farm': {
    ...BASE,
    about: '400 servers without clients that exchange heartbeats',
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
