import type { Accepts, Idle, Turn } from './farm.js';
import type { IdleFarm } from './idle-farm.js';
import type { ScenarioName } from './scenarios.js';

/** A row of the table: a measurement in a scenario and its target ratio to the other contestants. */
export interface Goal<Result = never> {
  readonly scenario: ScenarioName;
  readonly measure: string;
  readonly unit: string;
  /** Set for deliveries per second. Everything else is a cost. */
  readonly higherIsBetter?: true;
  readonly toSocketIo?: number;
  readonly toFloor?: number;
  /** The ratio of SignalR clients to plain clients. */
  readonly signalrToPlain?: number;
  of(result: Result): number;
}

const cpuPerDelivery = {
  measure: 'CPU per delivery at the receiver',
  unit: 'µs',
  of: ({ receiverCpu, deliveries }: Turn) => receiverCpu / deliveries,
};

const redisCommands = {
  measure: 'Redis commands per emit',
  unit: '',
  of: ({ redis, emits }: Turn) => redis.commands / emits,
};

export const TURN_GOALS: readonly Goal<Turn>[] = [
  { scenario: 'steady', ...cpuPerDelivery, toSocketIo: 0.9, toFloor: 1.15, signalrToPlain: 1.1 },
  { scenario: 'burst', ...cpuPerDelivery, toSocketIo: 0.15, toFloor: 1.3, signalrToPlain: 1.1 },
  {
    scenario: 'flood',
    measure: 'deliveries per second',
    unit: '1,000/s',
    higherIsBetter: true,
    toSocketIo: 8,
    toFloor: 0.75,
    of: ({ deliveries, seconds }) => deliveries / seconds / 1000,
  },
  { scenario: 'flood', measure: 'latency, p99', unit: 'ms', of: ({ latency }) => latency.p99 },
  {
    scenario: 'fan-in',
    measure: 'CPU per emit at the sender',
    unit: 'µs',
    toSocketIo: 0.4,
    toFloor: 1.5,
    of: ({ emitterCpu, emits }) => emitterCpu / emits,
  },
  {
    scenario: 'direct',
    measure: 'CPU per emit, both servers',
    unit: 'µs',
    toSocketIo: 0.6,
    of: ({ emitterCpu, receiverCpu, emits }) => (emitterCpu + receiverCpu) / emits,
  },
  { scenario: 'groups-steady', ...cpuPerDelivery, toSocketIo: 0.75 },
  { scenario: 'groups-burst', ...cpuPerDelivery, toSocketIo: 0.35 },
  { scenario: 'large', ...cpuPerDelivery, toSocketIo: 0.75, toFloor: 1.15, signalrToPlain: 1.1 },
  {
    scenario: 'big room',
    measure: 'longest stall of the loop',
    unit: 'ms',
    toSocketIo: 0.5,
    of: ({ receiverStall }) => receiverStall,
  },
  { scenario: 'latency', measure: 'latency, p50', unit: 'ms', of: ({ latency }) => latency.p50 },
  {
    scenario: 'latency',
    measure: 'latency, p99',
    unit: 'ms',
    toSocketIo: 0.8,
    of: ({ latency }) => latency.p99,
  },
  { scenario: 'steady', ...redisCommands },
  { scenario: 'burst', ...redisCommands, toSocketIo: 1 },
  {
    scenario: 'steady',
    measure: 'bytes in and out of Redis per emit',
    unit: 'B',
    toSocketIo: 1.1,
    of: ({ redis, emits }) => redis.bytes / emits,
  },
  {
    scenario: 'steady',
    measure: 'CPU of redis-server per emit',
    unit: 'µs',
    of: ({ redis, emits }) => redis.cpuMicroseconds / emits,
  },
];

export const ACCEPT_GOALS: readonly Goal<Accepts>[] = [
  {
    scenario: 'accepts',
    measure: 'CPU per accept',
    unit: 'µs',
    toSocketIo: 0.55,
    toFloor: 1.3,
    of: ({ cpu, sockets }) => cpu / sockets,
  },
];

export const IDLE_GOALS: readonly Goal<Idle>[] = [
  {
    scenario: 'idle memory',
    measure: 'memory per idle connection',
    unit: 'KB',
    toSocketIo: 0.6,
    toFloor: 1.3,
    of: ({ bytes, sockets }) => bytes / sockets / 1024,
  },
];

export const FARM_GOALS: readonly Goal<IdleFarm>[] = [
  {
    scenario: 'idle farm',
    measure: 'CPU per server',
    unit: 'ms/s',
    of: ({ cpu, servers, seconds }) => cpu / 1000 / servers / seconds,
  },
  {
    scenario: 'idle farm',
    measure: 'CPU of redis-server',
    unit: '% of a core',
    of: ({ redis, seconds }) => redis.cpuMicroseconds / 10_000 / seconds,
  },
];
