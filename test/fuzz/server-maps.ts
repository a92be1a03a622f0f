/** Classes of Node, ioredis and RxJS. They are skipped because they lead to every object in the process. */
const FOREIGN =
  /^(Socket|TLSSocket|Server|WebSocket|WebSocketServer|Redis|Cluster|Denque|Timeout|Immediate|IncomingMessage|Logger|ModulesContainer|HttpAdapterHost|ApplicationConfig|Buffer|Uint8Array|.*Subscriber|.*Subscription)$/;
const MAX_OBJECTS = 200_000;

/**
 * The number of entries in all maps, sets and arrays reachable from these objects, by owning class and property, such as
 * `HeldInvocations.held`. It walks the objects instead of listing known maps, so that a map added later is checked too.
 */
export function sizesOfMaps(...roots: readonly object[]): Record<string, number> {
  const sizes: Record<string, number> = {};
  const seen = new Set<object>(roots);
  const waiting: object[] = [...roots];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || seen.has(value) || seen.size > MAX_OBJECTS) return;
    seen.add(value);
    waiting.push(value);
  };
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const owner = nameOf(next);
    if (FOREIGN.test(owner)) continue;
    for (const item of itemsOf(next)) visit(item);
    for (const [property, value] of propertiesOf(next)) {
      const size = sizeOf(value);
      if (size !== undefined) sizes[`${owner}.${property}`] = (sizes[`${owner}.${property}`] ?? 0) + size;
      visit(value);
    }
  }
  return sizes;
}

function nameOf(value: object): string {
  const prototype = Object.getPrototypeOf(value) as {
    readonly constructor?: { readonly name?: string };
  } | null;
  return prototype?.constructor?.name ?? 'Object';
}

/** Getters are not called because calling them might change something. */
function propertiesOf(value: object): [string, unknown][] {
  if (Array.isArray(value)) return [];
  return Object.entries(Object.getOwnPropertyDescriptors(value)).map(([name, { value: held }]) => [
    name,
    held as unknown,
  ]);
}

function itemsOf(value: object): unknown[] {
  if (value instanceof Map) return [...value.keys(), ...value.values()] as unknown[];
  if (value instanceof Set) return [...value] as unknown[];
  return Array.isArray(value) ? value : [];
}

function sizeOf(value: unknown): number | undefined {
  if (value instanceof Map || value instanceof Set) return value.size;
  return Array.isArray(value) ? value.length : undefined;
}
