import type { Address } from '../protocol/target.js';
import { InvokeTargetError } from '../routing/request.errors.js';
import { checkData, checkEvent, checkInvokeOptions } from './arguments.js';
import type { BroadcastContext } from './broadcast-context.js';
import { allResults, type InvokeAllResult, type InvokeOptions, singleResult } from './invoke.js';

/** The recipients of a call. */
export interface Scope {
  readonly address: Address;
  /** Whether to reach only connections on this server. */
  readonly local: boolean;
}

/** Sends an event to one client and resolves with its response. Rejects like `Target.invoke`. */
export async function invoke<T>(
  { router, invokeTimeoutMs }: BroadcastContext,
  { address, local }: Scope,
  event: string,
  data: unknown,
  options: InvokeOptions<T>,
): Promise<T> {
  checkEvent(event);
  checkData(data);
  checkInvokeOptions(options);
  const [target, ...others] = address.targets;
  if (target?.kind !== 'connection' || others.length > 0) throw new InvokeTargetError();
  const { timeout: timeoutMs = invokeTimeoutMs, signal, parse } = options;
  const invocation = await router.invocations.invoke(address, event, data, { timeoutMs, signal, local });
  return singleResult(invocation, target.name, timeoutMs, parse);
}

/** Sends an event to all clients of a scope and resolves with their responses. Rejects like `Target.invokeAll`. */
export async function invokeAll<T>(
  { router, invokeTimeoutMs, unreachable }: BroadcastContext,
  { address, local }: Scope,
  event: string,
  data: unknown,
  options: InvokeOptions<T>,
): Promise<InvokeAllResult<T>> {
  checkEvent(event);
  checkData(data);
  checkInvokeOptions(options);
  unreachable.check(address);
  const { timeout: timeoutMs = invokeTimeoutMs, signal, parse } = options;
  return allResults(
    await router.invocations.invoke(address, event, data, { timeoutMs, signal, local }),
    parse,
  );
}
