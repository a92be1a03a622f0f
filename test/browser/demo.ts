import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';
import { startBrowser } from '../support/browser.js';
import { projectRoot } from '../support/program.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { SampleProcess } from '../support/sample-process.js';
import { type TestFarm, useTestFarm } from '../support/test-farm.js';
import { ChatPage } from './chat-page.js';

const ARTEFACTS = join(projectRoot(), '.cache', 'browser');

/** The demo and a browser, for the tests of a file. */
export class Demo {
  private running: Browser | undefined;

  private constructor(readonly farm: TestFarm) {}

  static use(): Demo {
    const demo = new Demo(useTestFarm());
    beforeAll(async () => {
      await mkdir(ARTEFACTS, { recursive: true });
      // The first time on a machine, Chromium is downloaded.
      demo.running = await startBrowser();
    }, 180_000);
    afterAll(() => demo.running?.close());
    return demo;
  }

  get browser(): Browser {
    if (!this.running) throw new Error('The browser is started before the tests: use it inside one.');
    return this.running;
  }

  /** Starts the three servers. @returns their addresses and processes, and their Redis */
  async start(): Promise<{ urls: string[]; pids: number[]; redis: RedisServer }> {
    const redis = await startRedis();
    this.farm.onEnd(() => redis.stop());
    const servers = new SampleProcess(this.farm, '01', { REDIS_URL: redis.url });
    await servers.says(/Ctrl-C ends it/);
    const urls = [...servers.output.matchAll(/http:\S+/g)].map(([url]) => url);
    const pids = [...servers.output.matchAll(/kill -9 (\d+)/g)].map(([, pid]) => Number(pid));
    return { urls, pids, redis };
  }

  /** Opens a page, which ends with the test. */
  async open(
    url: string,
    name: string,
    options: Parameters<typeof ChatPage.open>[3] = {},
  ): Promise<ChatPage> {
    const chat = await ChatPage.open(this.browser, url, name, options);
    this.farm.onEnd(() => chat.page.context().close());
    return chat;
  }

  /** Keeps a picture for people to look at. */
  async keep(name: string, png: Buffer): Promise<void> {
    await writeFile(join(ARTEFACTS, name), png);
  }
}
