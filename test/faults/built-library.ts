// Helpers that patch the built library inside a server process.

/** A class's methods, including the private ones. */
export type Methods = Record<string, (...args: never[]) => unknown>;

/** @param file a file of the built library, such as `bus/peers.js` */
export function importBuilt(file: string): Promise<unknown> {
  return import(new URL(file, import.meta.resolve('nestjs-redis-backplane')).href);
}

export function methodsOf(type: { prototype: object }): Methods {
  return type.prototype as Methods;
}

export function replace(type: { prototype: object }, name: string, method: Methods[string]): void {
  checkMember(type, name);
  methodsOf(type)[name] = method;
}

export function replaceGetter(type: { prototype: object }, name: string, get: () => unknown): void {
  checkMember(type, name);
  Object.defineProperty(type.prototype, name, { get });
}

/** Fails if the member was renamed, because then the patch would have no effect and the test would prove nothing. */
function checkMember(type: { prototype: object }, name: string): void {
  if (!(name in type.prototype))
    throw new Error(`Cannot patch ${name}: the class has no such member. Was it renamed?`);
}
