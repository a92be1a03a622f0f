import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { Deferred } from '../../lib/bus/deferred.js';

/** The delay that an app adds between refusing new clients and closing, so that load balancers notice. */
@Injectable()
export class DrainDelay implements BeforeApplicationShutdown {
  readonly begun = new Deferred();
  readonly over = new Deferred();

  beforeApplicationShutdown(): Promise<void> {
    this.begun.resolve();
    return this.over.promise;
  }
}
