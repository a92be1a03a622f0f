import type { ModulesContainer } from '@nestjs/core';
import { WsException } from '@nestjs/websockets';
import { BackplaneError } from '../protocol/backplane.error.js';
import { ClientConnection } from '../broadcast/client-connection.js';
import { asCloseReason, HOOK_FAILED } from '../broadcast/close-code.js';
import { isGateway } from '../broadcast/gateway-metadata.js';
import { loggerFor } from '../broadcast/library-logger.js';
import { LimitedLog } from '../broadcast/limited-log.js';

type Hook = (this: unknown, client: unknown, ...args: unknown[]) => unknown;
type HookName = 'handleConnection' | 'handleDisconnect';
type HookHost = { [name in HookName]?: Hook };

const INTERNAL_ERROR = 1011;
const TRY_AGAIN_LATER = 1013;
/** Logs for clients of another app in this process that uses the same gateway class with another adapter. */
export const foreignLog = new LimitedLog(loggerFor('RedisBackplaneAdapter', undefined));
const guardedHooks = new WeakSet<Hook>();

/** A hook that was called for a client. */
interface HookCall {
  readonly gateway: unknown;
  readonly name: HookName;
  isRunning: boolean;
  readonly ended: Promise<void>;
}

/** The hook calls of each client, until all of them have ended. */
const calls = new WeakMap<object, HookCall[]>();

/**
 * Wraps the hooks of all gateways so that an error in a hook cannot crash the process: Nest calls them from within RxJS
 * and drops their promises. Must run before Nest reads the hooks. Wraps them on the prototype, which request-scoped
 * gateways use too, or on the instance if the hook is a property. A wrapper refers to no app, because several apps in the
 * process may use the class.
 */
export function guardGatewayHooks(modules: ModulesContainer): void {
  for (const module of modules.values()) {
    for (const wrapper of module.providers.values()) {
      const { metatype, instance } = wrapper;
      if (!isGateway(metatype)) continue;
      if (!wrapper.isDependencyTreeStatic()) addHooksTo(metatype.prototype as HookHost);
      guardHooksOf(metatype.prototype as HookHost);
      if (instance) guardOwnHooksOf(instance);
    }
  }
}

/** Resolves when all hooks that were called for this client have ended, even with an error; `undefined` if there are none. */
export function hooksEnded(client: object): Promise<void> | undefined {
  const hooks = calls.get(client);
  return hooks && Promise.all(hooks.map(({ ended }) => ended)).then(() => void calls.delete(client));
}

/** Names the hooks that are still running for this client, such as `handleDisconnect of ChatGateway`. */
export function runningHooks(client: object): string[] {
  const running = calls.get(client)?.filter(({ isRunning }) => isRunning) ?? [];
  return running.map(({ gateway, name }) => `${name} of ${gateway?.constructor.name ?? 'a gateway'}`);
}

/**
 * Adds empty hooks to a request-scoped gateway that has none. Nest creates an instance on each connect and disconnect, even
 * without hooks. If that fails and there is no hook, Nest does not call the filters, and the rejection would crash the
 * process.
 */
function addHooksTo(host: HookHost): void {
  host.handleConnection ??= nothing;
  host.handleDisconnect ??= nothing;
}

function nothing(): void {}

function guardHooksOf(host: HookHost): void {
  host.handleConnection &&= guarded(host.handleConnection, 'handleConnection');
  host.handleDisconnect &&= guarded(host.handleDisconnect, 'handleDisconnect');
}

function guardOwnHooksOf(host: HookHost): void {
  if (Object.hasOwn(host, 'handleConnection') || Object.hasOwn(host, 'handleDisconnect')) guardHooksOf(host);
}

function guarded(hook: Hook, name: HookName): Hook {
  if (guardedHooks.has(hook)) return hook;
  const wrapper: Hook = function (this: unknown, client, ...args) {
    const ended = callHook(() => hook.call(this, client, ...args), client, name);
    if (!(client instanceof ClientConnection)) return ended;
    const call: HookCall = {
      gateway: this,
      name,
      isRunning: true,
      ended: ended.then(() => void (call.isRunning = false)),
    };
    calls.set(client, [...(calls.get(client) ?? []), call]);
    return call.ended;
  };
  guardedHooks.add(wrapper);
  return wrapper;
}

async function callHook(call: () => unknown, client: unknown, name: HookName): Promise<void> {
  try {
    await call();
  } catch (error) {
    const refused = name === 'handleConnection' && client instanceof ClientConnection ? client : undefined;
    const text = refused && error instanceof WsException ? error.message : '';
    // A WsException is the app's answer to the client, not a bug.
    if (text === '') logOf(client).error(name, `${name} failed`, error);
    refused?.close(codeFor(error), asCloseReason(text || HOOK_FAILED));
  }
}

function logOf(client: unknown): LimitedLog {
  return client instanceof ClientConnection ? client.log : foreignLog;
}

/** 1013 for an error that a retry may fix: SignalR clients reconnect after it, but not after 1011. */
function codeFor(error: unknown): number {
  return error instanceof BackplaneError && error.retryable ? TRY_AGAIN_LATER : INTERNAL_ERROR;
}
