import type { ClientProtocol, ClientProtocolName } from './client-protocol.js';
import { jsonProtocol } from './json-protocol.js';
import { msgpackProtocol } from './msgpack-protocol.js';

const PROTOCOLS: readonly ClientProtocol[] = [jsonProtocol, msgpackProtocol];

export function clientProtocols(names: readonly ClientProtocolName[]): ClientProtocol[] {
  return PROTOCOLS.filter(({ name }) => names.includes(name));
}

/** The protocol that this WebSocket subprotocol asks for, or `undefined` when it is none of ours. */
export function protocolOfSubprotocol(name: string): ClientProtocol | undefined {
  return PROTOCOLS.find(({ subprotocol }) => subprotocol === name);
}

/** The protocol of this number in a message record, or `undefined` for one of a later release. */
export function protocolOfCode(code: number): ClientProtocol | undefined {
  return PROTOCOLS.find((protocol) => protocol.code === code);
}
