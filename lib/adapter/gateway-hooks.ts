import { Logger } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { GATEWAY_METADATA } from '@nestjs/websockets/internal';
import { BackplaneConnection } from '../broadcast/backplane-connection.js';

type Hook = (this: unknown, client: unknown, ...args: unknown[]) => unknown;
type HookName = 'handleConnection' | 'handleDisconnect';
type HookHost = { [name in HookName]?: Hook };

const INTERNAL_ERROR = 1011;
const logger = new Logger('RedisBackplaneAdapter');
const guardedHooks = new WeakSet<Hook>();
/** Hooks that are running for a client. */
const running = new WeakMap<object, Promise<void>[]>();

/**
 * Nest calls a gateway's hooks from within RxJS and drops their promises, so what one throws ends the process.
 * Here each hook is wrapped, before Nest reads it: on the prototype, where request-scoped gateways find theirs
 * too, or on the instance for a hook that is a property. A wrapper knows no app: the class may serve in several.
 */
export function guardGatewayHooks(modules: ModulesContainer): void {
  for (const module of modules.values()) {
    for (const wrapper of module.providers.values()) {
      const { metatype, instance } = wrapper;
      if (typeof metatype !== 'function' || !Reflect.getMetadata(GATEWAY_METADATA, metatype)) continue;
      if (!wrapper.isDependencyTreeStatic()) addHooksTo(metatype.prototype as HookHost);
      guardHooksOf(metatype.prototype as HookHost);
      if (instance) guardOwnHooksOf(instance);
    }
  }
}

/** Resolves when the hooks that are running for this client have ended, however they end; `undefined` where none is. */
export function hooksEnded(client: object): Promise<void> | undefined {
  const hooks = running.get(client);
  return hooks && Promise.all(hooks).then(() => void running.delete(client));
}

/**
 * Nest makes a request-scoped gateway at each connect and disconnect, even without hooks. When that fails, its filters
 * are asked only where there is a hook; otherwise the rejection would end the process.
 */
function addHooksTo(host: HookHost): void {
  host.handleConnection ??= nothing;
  host.handleDisconnect ??= nothing;
}

function nothing(): void {}

function guardHooksOf(host: HookHost): void {
  host.handleConnection &&= guarded(host.handleConnection, true);
  host.handleDisconnect &&= guarded(host.handleDisconnect, false);
}

function guardOwnHooksOf(host: HookHost): void {
  if (Object.hasOwn(host, 'handleConnection') || Object.hasOwn(host, 'handleDisconnect')) guardHooksOf(host);
}

function guarded(hook: Hook, closes: boolean): Hook {
  if (guardedHooks.has(hook)) return hook;
  const wrapper: Hook = function (this: unknown, client, ...args) {
    const ended = callHook(() => hook.call(this, client, ...args), client, closes);
    if (client instanceof BackplaneConnection) running.set(client, [...(running.get(client) ?? []), ended]);
    return ended;
  };
  guardedHooks.add(wrapper);
  return wrapper;
}

async function callHook(call: () => unknown, client: unknown, closes: boolean): Promise<void> {
  try {
    await call();
  } catch (error) {
    logger.error(error);
    if (closes && client instanceof BackplaneConnection)
      client.close(INTERNAL_ERROR, 'handleConnection failed');
  }
}
