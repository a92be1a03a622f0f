import { jsonProtocol } from '../protocol/json-protocol.js';
import type { AdapterContext } from './adapter-context.js';
import { ConnectionHeartbeat } from './connection-heartbeat.js';
import { PlainClients } from './plain-clients.js';

/** The dialects of plain clients. They share one heartbeat, because WebSocket pings work for all of them. */
export class PlainDialects {
  private readonly heartbeat: ConnectionHeartbeat | undefined;
  private readonly bySubprotocol = new Map<string, PlainClients>();
  private readonly json: PlainClients;

  constructor(context: AdapterContext) {
    this.heartbeat = createHeartbeat(context);
    this.json = new PlainClients(jsonProtocol, this.heartbeat);
    for (const protocol of context.protocols)
      if (protocol.subprotocol !== undefined)
        this.bySubprotocol.set(protocol.subprotocol, new PlainClients(protocol, this.heartbeat));
  }

  /** The dialect for the negotiated subprotocol. JSON if there is none, or if it belongs to the gateway. */
  ofSubprotocol(name: string): PlainClients {
    return this.bySubprotocol.get(name) ?? this.json;
  }

  close(): void {
    this.heartbeat?.close();
  }
}

function createHeartbeat({ edge, counters }: AdapterContext): ConnectionHeartbeat | undefined {
  if (!edge.heartbeat) return undefined;
  const { intervalMs, timeoutMs } = edge.heartbeat;
  return new ConnectionHeartbeat(intervalMs, timeoutMs, counters);
}
