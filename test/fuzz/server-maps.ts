/** Objects of Node, Redis and rxjs are theirs to keep tidy, and lead to the whole process. */
const FOREIGN =
  /^(Socket|TLSSocket|Server|WebSocket|WebSocketServer|Redis|Cluster|Denque|Timeout|Immediate|IncomingMessage|Logger|ModulesContainer|HttpAdapterHost|ApplicationConfig|Buffer|Uint8Array|.*Subscriber|.*Subscription)$/;
const MAX_OBJECTS = 200_000;

/**
 * How many entries all maps, sets and lists have that these objects lead to, by the class and the property that hold
 * them, such as `HeldInvocations.held`. It looks at whatever is there instead of naming what should be, so that a map that
 * somebody adds later is watched too.
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

/** What is computed by a getter is not looked at: looking might change something. */
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
