import type { ClientProtocol, ClientProtocolName } from './client-protocol.js';
import { jsonProtocol } from './json-protocol.js';
import { msgpackProtocol } from './msgpack-protocol.js';

const PROTOCOLS: readonly ClientProtocol[] = [jsonProtocol, msgpackProtocol];

/** The protocols with these names, JSON before MessagePack. */
export function clientProtocols(names: readonly ClientProtocolName[]): ClientProtocol[] {
  return PROTOCOLS.filter(({ name }) => names.includes(name));
}

/** The protocol that this WebSocket subprotocol selects, or `undefined` if we do not support it. */
export function protocolOfSubprotocol(name: string): ClientProtocol | undefined {
  return PROTOCOLS.find(({ subprotocol }) => subprotocol === name);
}

/** The protocol with this number in a message record, or `undefined` if only a later release supports it. */
export function protocolOfCode(code: number): ClientProtocol | undefined {
  return PROTOCOLS.find((protocol) => protocol.code === code);
}
