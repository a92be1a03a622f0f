import type { Type } from '@nestjs/common';
import { GATEWAY_METADATA, GATEWAY_OPTIONS, PORT_METADATA } from '@nestjs/websockets/constants.js';

/**
 * The metadata that `@WebSocketGateway()` sets. Nest exports its keys for its own packages only, from a file that Nest 11 and
 * 12 both have; test/module/nest-contract.spec.ts checks them.
 */
export interface GatewayMetadata {
  readonly options: GatewayOptions;
  /** 0 if the gateway shares the port of the HTTP server. */
  readonly port: number;
}

/** What was passed to a class's `@WebSocketGateway()`. Options of other adapters are included. */
export type GatewayOptions = Readonly<Record<string, unknown>>;

/** Whether a provider's class has `@WebSocketGateway()`. Providers made by a factory have no class. */
export function isGateway(metatype: unknown): metatype is Type {
  return typeof metatype === 'function' && Boolean(Reflect.getMetadata(GATEWAY_METADATA, metatype));
}

export function gatewayMetadata(gateway: Type): GatewayMetadata {
  return {
    options: (Reflect.getMetadata(GATEWAY_OPTIONS, gateway) ?? {}) as GatewayOptions,
    port: (Reflect.getMetadata(PORT_METADATA, gateway) ?? 0) as number,
  };
}
