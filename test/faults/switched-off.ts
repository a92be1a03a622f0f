import type { ClientProtocol } from '../../lib/protocol/client-protocol.js';
import type { MessageFrames } from '../../lib/protocol/message-frames.js';
import type { encodeMessage } from '../../lib/protocol/message-record.js';
import type { Address } from '../../lib/protocol/target.js';
import type { Addressing } from '../../lib/routing/addressing.js';
import type { OutagePolicy } from '../../lib/routing/outage/outage-policy.js';
import type { Emitter } from '../../lib/routing/emitter.js';
import type { Inbox } from '../../lib/bus/inbox.js';
import type { Moves } from '../../lib/bus/moves.js';
import type { OutageReports } from '../../lib/bus/outage-reports.js';
import type { Peers } from '../../lib/bus/peers.js';
import type { SentinelWatch } from '../../lib/redis/sentinel-watch.js';
import type { ServerBus } from '../../lib/bus/server-bus.js';
import type { Subscriptions } from '../../lib/bus/subscriptions.js';
import { importBuilt, methodsOf, replace, replaceGetter } from './built-library.js';

/** The parts of the built library that are patched. */
interface Parts {
  readonly encodeMessage: typeof encodeMessage;
  readonly Emitter: typeof Emitter;
  readonly Inbox: typeof Inbox;
  readonly Moves: typeof Moves;
  readonly OutageReports: typeof OutageReports;
  readonly Peers: typeof Peers;
  readonly SentinelWatch: typeof SentinelWatch;
  readonly ServerBus: typeof ServerBus;
  readonly Subscriptions: typeof Subscriptions;
}

const FILES = {
  encodeMessage: 'protocol/message-record.js',
  Emitter: 'routing/emitter.js',
  Inbox: 'bus/inbox.js',
  Moves: 'bus/moves.js',
  OutageReports: 'bus/outage-reports.js',
  Peers: 'bus/peers.js',
  SentinelWatch: 'redis/sentinel-watch.js',
  ServerBus: 'bus/server-bus.js',
  Subscriptions: 'bus/subscriptions.js',
} satisfies Record<keyof Parts, string>;

/** The private members of an Emitter. */
interface EmitterInside {
  readonly addressing: Addressing;
  readonly protocols: readonly ClientProtocol[];
  readonly policy: OutagePolicy & { readonly bus: ServerBus };
  deliver(address: Address, frames: MessageFrames, volatile: boolean): number;
}

const OFF = {
  /** Losses are not reported. */
  'loss reports': ({ OutageReports }) => replace(OutageReports, 'missed', () => undefined),
  /** A missing echo has no consequences. */
  'echo deadline': ({ ServerBus }) => replace(ServerBus, 'deaf', () => undefined),
  /** A skipped heartbeat number has no consequences. */
  'heartbeat numbers': ({ Peers }) => replace(Peers, 'beat', () => []),
  /** A server that hears itself is assumed to hear its peers. */
  'proof of hearing others': ({ Peers }) => replace(Peers, 'disconnected', () => []),
  /** Slow publishes do not widen reports. On a busy machine the margin would hide other defects. */
  'margin for slow publishes': ({ Peers }) => replaceGetter(Peers, 'publishMs', () => 0),
  /** All Redis nodes count as the same one. */
  'count of moves': ({ Moves }) => replace(Moves, 'linkUp', () => undefined),
  /** After an outage only new channels are subscribed. */
  resubscription: ({ Subscriptions }) => {
    const restore = methodsOf(Subscriptions).restore as () => Promise<number>;
    replace(Subscriptions, 'restore', function (this: { linkUp: boolean; generation: number }) {
      if (this.generation === 0) return restore.call(this);
      this.linkUp = true;
      this.generation++;
      return Promise.resolve(0);
    });
  },
  /** Every copy of a message is delivered. */
  deduplication: ({ Peers }) => {
    const heard = methodsOf(Peers).heard as (...args: unknown[]) => string;
    replace(Peers, 'heard', function (this: unknown, ...args: unknown[]) {
      heard.apply(this, args);
      return 'new';
    });
  },
  /** An unreadable message throws instead of being dropped. */
  'guard against garbage': ({ Inbox }) => {
    replace(Inbox, 'drop', ({ reason }: { reason: string }) => {
      throw new Error(`a ${reason} message`);
    });
  },
  /** Silent servers never count as dead. */
  'death of silent servers': ({ Peers }) => replace(Peers, 'sweep', () => undefined),
  /** A refused channel is never retried. */
  'retry of refused channels': ({ Subscriptions }) => {
    replace(Subscriptions, 'retryRefused', () => Promise.resolve());
  },
  /** Local clients get messages only while the backplane is ready. */
  'local delivery': ({ Emitter }) => {
    const deliver = methodsOf(Emitter).deliver as (...args: unknown[]) => number;
    replace(Emitter, 'deliver', function (this: EmitterInside, ...args: unknown[]) {
      return this.policy.bus.status.state === 'ready' ? deliver.apply(this, args) : 0;
    });
  },
  /** The message size is not limited. */
  'limit of size': ({ Emitter, encodeMessage }) => {
    replace(Emitter, 'send', async function (this: EmitterInside, address: Address, frames: MessageFrames) {
      const payloads = frames.payloads(this.protocols);
      const record = encodeMessage({ address, volatile: false, hasArguments: false, payloads });
      const channels = this.addressing.channelsOf(address);
      const local = this.deliver(address, frames, false);
      return { local, backplane: await this.policy.publish({ address, channels, record, volatile: false }) };
    });
  },
  /** Failover messages of sentinels are ignored. */
  'watch on sentinels': ({ SentinelWatch }) => replace(SentinelWatch, 'read', () => undefined),
  /** Bootstrap assumes that Redis is reachable. */
  'wait for Redis': ({ ServerBus }) => replace(ServerBus, 'whenReady', () => Promise.resolve(true)),
} satisfies Record<string, (parts: Parts) => void>;

export type Mechanism = keyof typeof OFF;

/** Switches mechanisms of the library off in this process. Call it before creating the app. */
export async function switchOff(mechanisms: readonly Mechanism[]): Promise<void> {
  if (mechanisms.length === 0) return;
  const parts = Object.assign({}, ...(await Promise.all(Object.values(FILES).map(importBuilt)))) as Parts;
  for (const mechanism of mechanisms) OFF[mechanism](parts);
}
