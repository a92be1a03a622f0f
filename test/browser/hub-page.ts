import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { TestFarm } from '../support/test-farm.js';

export interface PageConnection {
  readonly url: string;
  readonly isBinary?: boolean;
  readonly isStateful?: boolean;
  /** Turns on the automatic reconnect, with the client's own delays. */
  readonly reconnects?: boolean;
  /** What `accessTokenFactory` returns. */
  readonly accessToken?: string;
  /** More options of `withUrl`. */
  readonly http?: {
    readonly skipNegotiation?: boolean;
    readonly transport?: number;
    readonly withCredentials?: boolean;
  };
}

/** A page of a `HubSite` in a browser profile of its own. */
export class HubPage {
  /** The browser's errors for WebSockets that did not open. */
  readonly socketErrors: string[] = [];

  private constructor(
    readonly context: BrowserContext,
    readonly page: Page,
  ) {
    page.on('websocket', (socket) => socket.on('socketerror', (error) => this.socketErrors.push(error)));
  }

  /** Opens a page that ends with the test, and fails the test if the page has an uncaught error. */
  static async open(farm: TestFarm, browser: Browser, origin: string): Promise<HubPage> {
    const context = await browser.newContext();
    const page = await context.newPage();
    const errors: Error[] = [];
    page.on('pageerror', (error) => errors.push(error));
    farm.onEnd(async () => {
      await context.close();
      if (errors.length > 0) throw new AggregateError(errors, 'The page has uncaught errors.');
    });
    await page.goto(origin);
    return new HubPage(context, page);
  }

  /** Connects. @returns `connected`, or the error of the client's `start()` */
  start(connection: PageConnection): Promise<string> {
    return this.run('start', connection);
  }

  state(): Promise<string> {
    return this.run('state');
  }

  invoke<T>(target: string, ...args: readonly unknown[]): Promise<T> {
    return this.run('invoke', target, ...args);
  }

  /** Invokes without waiting for the result, which is one of the `results`. */
  call(target: string, ...args: readonly unknown[]): Promise<void> {
    return this.run('call', target, ...args);
  }

  results(): Promise<unknown[]> {
    return this.run('results');
  }

  stream(target: string, ...args: readonly unknown[]): Promise<unknown[]> {
    return this.run('stream', target, ...args);
  }

  upload(target: string, items: readonly unknown[]): Promise<unknown> {
    return this.run('upload', target, items);
  }

  /** The texts of the `Said` events. */
  received(): Promise<string[]> {
    return this.page.evaluate<string[]>('received');
  }

  /** Which of the client's callbacks were called: `reconnecting`, `reconnected`, `closed`. */
  events(): Promise<string[]> {
    return this.page.evaluate<string[]>('events');
  }

  private run<T>(name: string, ...args: readonly unknown[]): Promise<T> {
    return this.page.evaluate<T>(`${name}(...${JSON.stringify(args)})`);
  }
}
