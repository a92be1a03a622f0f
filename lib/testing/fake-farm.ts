import type { BackplaneConnection } from '../broadcast/backplane-connection.js';
import { RecordedEmits } from './recorded-emits.js';
import { Replies } from './replies.js';

/** What a fake shares with its targets and with the fakes of other gateways that it has made. */
export class FakeFarm {
  readonly emits = new RecordedEmits();
  readonly replies = new Replies();
  private readonly connections = new Map<string, BackplaneConnection[]>();

  connectionsOf(path: string): BackplaneConnection[] {
    const known = this.connections.get(path) ?? [];
    this.connections.set(path, known);
    return known;
  }
}
