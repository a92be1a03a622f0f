import { Socket, connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';
import type { RedisNode } from '../../options/connection-plan.js';
import { toError } from '../../protocol/thrown.js';
import { DISCONNECT_TIMEOUT_MS } from '../client-socket.js';
import { optionsFor } from './node-options.js';

type Connector = NonNullable<RedisOptions['Connector']>;

/**
 * An ioredis connector that looks up its Redis node before each connection.
 *
 * @param locate looks up the node. If it rejects, ioredis retries as after a failed connection
 */
export function nodeConnector(locate: () => Promise<RedisNode>, options: RedisOptions): Connector {
  return class NodeConnector extends AbstractConnector {
    constructor() {
      super(DISCONNECT_TIMEOUT_MS);
    }

    override async connect(): Promise<Socket> {
      this.connecting = true;
      this.stream = await this.open();
      // The client was closed during the lookup. ioredis recognizes this message, and does not report a failure.
      if (this.isEnded()) {
        this.stream.destroy();
        throw new Error('Connection is closed.');
      }
      return this.stream;
    }

    private isEnded(): boolean {
      return !this.connecting;
    }

    private async open(): Promise<Socket> {
      try {
        const node = await locate();
        const { tls } = optionsFor(options, node);
        const stream = tls ? connectTls({ ...tls, ...node }) : connectTcp({ ...node });
        stream.once('error', (error: Error) => (this.firstError = error));
        return stream;
      } catch (error) {
        // If `connect` rejects, ioredis gives up for good. A destroyed socket fails this attempt only.
        this.firstError = toError(error);
        const dead = new Socket();
        dead.destroy();
        return dead;
      }
    }
  };
}
