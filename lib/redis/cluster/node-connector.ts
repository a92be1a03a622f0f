import { Socket, connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';
import type { RedisNode } from '../../options/connection-plan.js';
import { toError } from '../../protocol/thrown.js';
import { DISCONNECT_TIMEOUT_MS } from '../client-socket.js';
import { optionsFor } from './node-options.js';

type Connector = NonNullable<RedisOptions['Connector']>;

/**
 * Makes an ioredis client look up its node before each connection.
 *
 * @param locate tells the node; its rejection counts as a connection that failed, and is tried again as one
 */
export function nodeConnector(locate: () => Promise<RedisNode>, options: RedisOptions): Connector {
  return class NodeConnector extends AbstractConnector {
    constructor() {
      super(DISCONNECT_TIMEOUT_MS);
    }

    override async connect(): Promise<Socket> {
      this.connecting = true;
      this.stream = await this.open();
      // Ended while the node was looked for. By this message ioredis knows that it is no failure.
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
        // ioredis takes a rejection for the end of all attempts, and a dead stream for the end of this one.
        this.firstError = toError(error);
        const dead = new Socket();
        dead.destroy();
        return dead;
      }
    }
  };
}
