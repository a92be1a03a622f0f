import { getEventListeners } from 'node:events';
import type { EventEmitter } from 'node:events';

// Counts what a process holds, so that two moments can be compared.

export interface Footprint {
  /** Heap bytes in use after garbage collections. */
  readonly heap: number;
  /** Active handles by kind: timers, sockets, servers. */
  readonly resources: Readonly<Record<string, number>>;
  /** Listeners by emitter and event. */
  readonly listeners: Readonly<Record<string, number>>;
  /** Entries of maps, sets and arrays, by property path. */
  readonly entries: Readonly<Record<string, number>>;
}

export interface Watched {
  readonly emitters: Readonly<Record<string, EventEmitter>>;
  readonly signals: Readonly<Record<string, AbortSignal>>;
  /** Objects of the library. Everything reachable from them is counted. */
  readonly roots: Readonly<Record<string, object>>;
}

export async function footprint({ emitters, signals, roots }: Watched): Promise<Footprint> {
  const listeners: Record<string, number> = {};
  for (const [name, emitter] of Object.entries(emitters))
    for (const event of emitter.eventNames())
      listeners[`${name} ${String(event)}`] = emitter.listenerCount(event);
  for (const [name, signal] of Object.entries(signals))
    listeners[`${name} abort`] = getEventListeners(signal, 'abort').length;
  return { resources: resources(), listeners, entries: entries(roots), heap: await heapUsed() };
}

function resources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  // An Immediate of the current or next turn is not left over.
  delete counts.Immediate;
  return counts;
}

/** Collects three times with pauses in between, because each one frees what finalizers released in the previous one. */
async function heapUsed(): Promise<number> {
  for (let times = 0; times < 3; times++) {
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().heapUsed;
}

/** Classes of other libraries. The walk stops there because the heap and the listeners cover what they hold. */
const FOREIGN =
  /^(Server|Socket|WebSocket|WebSocketServer|NestContainer|ApplicationConfig|ModulesContainer|HttpAdapterHost|Logger|AbortSignal|Timeout|Immediate|AsyncLocalStorage)$/;

function entries(roots: Readonly<Record<string, object>>): Record<string, number> {
  const counts: Record<string, number> = {};
  const seen = new Set<object>();
  const add = (path: string, size: number): void => void (counts[path] = (counts[path] ?? 0) + size);
  const queue = Object.entries(roots);
  for (let next = queue.shift(); next; next = queue.shift()) {
    const [path, object] = next;
    if (seen.has(object) || FOREIGN.test(nameOfClass(object)) || ArrayBuffer.isView(object)) continue;
    seen.add(object);
    const isMap = object instanceof Map;
    if (isMap || object instanceof Set || Array.isArray(object)) {
      const held: unknown[] = isMap ? [...object.values()] : [...object];
      add(path, held.length);
      for (const value of held) if (isObject(value)) queue.push([`${path}[]`, value]);
    } else {
      for (const [name, value] of Object.entries(object))
        if (isObject(value)) queue.push([`${path}.${name}`, value]);
    }
  }
  return counts;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** The class name. Empty for an object without a prototype. */
function nameOfClass(object: object): string {
  const { constructor } = object as { constructor?: { name?: string } };
  return constructor?.name ?? '';
}
