import { Injectable } from '@nestjs/common';
import { Broadcaster } from 'nestjs-redis-backplane';

@Injectable()
export class ShippingService {
  constructor(private readonly broadcaster: Broadcaster) {}

  /** Tells the customer, at whichever server they are. Resolves when Redis has taken it. */
  async ship(order: number, customer: string): Promise<void> {
    // This process has no gateway, so the path is named.
    await this.broadcaster.gateway('/orders').user(customer).emit('order.shipped', { order });
  }
}
