import type { Type } from '@nestjs/common';
import { GATEWAY_METADATA, GATEWAY_OPTIONS, PORT_METADATA } from '@nestjs/websockets/internal';
import { pathKey } from '../protocol/channel-names.js';
import { NotAGatewayError } from './broadcast.errors.js';

/**
 * Reads what `@WebSocketGateway()` leaves on a class. Its metadata keys are exported for Nest's own packages
 * only; a contract test holds them.
 *
 * @throws NotAGatewayError
 */
export function gatewayPath(gateway: Type | string): string {
  if (typeof gateway === 'string') {
    const [, port, path] = /^(\d*)(.*)$/s.exec(gateway) ?? [];
    return pathKey(path, Number(port));
  }
  if (!Reflect.getMetadata(GATEWAY_METADATA, gateway)) throw new NotAGatewayError(gateway.name);
  const options = (Reflect.getMetadata(GATEWAY_OPTIONS, gateway) ?? {}) as { path?: string };
  return pathKey(options.path, (Reflect.getMetadata(PORT_METADATA, gateway) ?? 0) as number);
}
