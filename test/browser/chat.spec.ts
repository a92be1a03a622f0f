import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Proxy } from '../faults/proxy.js';
import { startBrowser } from '../support/browser.js';
import { freePorts } from '../support/free-ports.js';
import { projectRoot } from '../support/program.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { SampleProcess } from '../support/sample-process.js';
import { useTestFarm } from '../support/test-farm.js';
import { ChatPage } from './chat-page.js';
import { sideBySide } from './picture.js';

const ARTEFACTS = join(projectRoot(), '.cache', 'browser');
const SMALL = { width: 360, height: 640 };

const farm = useTestFarm();
let browser: Browser;

beforeAll(async () => {
  await mkdir(ARTEFACTS, { recursive: true });
  // The first time on a machine, Chromium is downloaded.
  browser = await startBrowser();
}, 180_000);
afterAll(() => browser.close());

/** The demo's addresses, and its Redis. */
async function startDemo(): Promise<{ urls: string[]; redis: RedisServer }> {
  const redis = await startRedis();
  farm.onEnd(() => redis.stop());
  const demo = new SampleProcess(farm, '01', { REDIS_URL: redis.url });
  await demo.says(/Ctrl-C ends it/);
  return { urls: [...demo.output.matchAll(/http:\S+/g)].map(([url]) => url), redis };
}

async function openPage(
  url: string,
  name: string,
  options: Parameters<typeof ChatPage.open>[3] = {},
): Promise<ChatPage> {
  const chat = await ChatPage.open(browser, url, name, options);
  farm.onEnd(() => chat.page.context().close());
  return chat;
}

async function keep(name: string, png: Buffer): Promise<void> {
  await writeFile(join(ARTEFACTS, name), png);
}

describe('the chat in a browser, in two windows on two servers', () => {
  it('people join, talk, see Redis go and come back, and talk on', async () => {
    const { urls, redis } = await startDemo();
    const [lima = '', perth = ''] = urls;
    const [ada, grace] = [await openPage(lima, 'Ada'), await openPage(perth, 'Grace')];

    await ada.join('tea');
    await grace.join('tea');
    await ada.note('Grace joined #tea');
    await ada.say('Good morning! Does anybody hear me?');
    expect(await grace.head('Good morning!')).toBe('Ada Lima → backplane → Perth');
    await grace.say('Loud and clear, on another server.');
    expect(await ada.head('Loud and clear')).toBe('Grace Perth → backplane → Lima');
    await ada.say('Tea at four?', 'to #tea');
    expect(await grace.head('Tea at four?')).toBe('Ada Lima → backplane → Perth #tea');
    await grace.whisper('Ada', 'I bring biscuits.');
    expect(await ada.head('I bring biscuits.')).toBe('Grace Perth → backplane → Lima only to you');
    const windows = [ada, grace];
    const shots = windows.map(async (window) => ({ url: window.url, png: await window.screenshot() }));
    await keep('chat.png', await sideBySide(browser, await Promise.all(shots)));

    await redis.kill();
    for (const window of windows) await window.status('reconnecting');
    await ada.say('Still here?');
    await ada.note('Only clients of this server have the message');
    await ada.head('Still here?');
    await keep('redis-away.png', await ada.screenshot());

    await redis.start();
    for (const window of windows) await window.status('ready');
    await ada.say('Here we are again.', 'to #tea');
    expect(await grace.head('Here we are again.')).toBe('Ada Lima → backplane → Perth #tea');

    expect(await grace.texts()).not.toContain('Still here?');
    for (const { asked, errors, url } of windows) {
      expect([...asked]).toEqual([url]);
      expect(errors).toEqual([]);
    }
  }, 60_000);

  it('a page that loses its server says so, and comes back with its groups', async () => {
    const [lima = '', perth = ''] = (await startDemo()).urls;
    const wayToLima = await Proxy.open(Number(new URL(lima).port));
    farm.onEnd(() => wayToLima.close());
    const [nowhere = 0] = await freePorts([undefined]);
    const ada = await openPage(`http://127.0.0.1:${wayToLima.port}`, 'Ada');
    const grace = await openPage(perth, 'Grace');
    await ada.join('tea');
    await grace.join('tea');

    wayToLima.repoint(nowhere);
    await ada.status('offline');
    wayToLima.repoint(Number(new URL(lima).port));
    await ada.status('ready');

    // Grace hears of it when Ada's new connection is a member.
    await grace.note('Ada joined #tea');
    await grace.say('Welcome back.', 'to #tea');
    expect(await ada.head('Welcome back.')).toContain('#tea');
  });

  it('a small screen shows all that is needed, without scrolling sideways, light and dark', async () => {
    const [lima = ''] = (await startDemo()).urls;
    for (const colorScheme of ['light', 'dark'] as const) {
      const chat = await openPage(lima, 'Ada', { viewport: SMALL, colorScheme, deviceScaleFactor: 2 });
      const { page } = chat;
      for (const name of ['Send', 'Wave', '#tea']) {
        const box = await page.getByRole('button', { name }).boundingBox();
        expect(box).not.toBeNull();
        expect((box?.x ?? NaN) + (box?.width ?? NaN)).toBeLessThanOrEqual(SMALL.width);
        expect((box?.y ?? NaN) + (box?.height ?? NaN)).toBeLessThanOrEqual(SMALL.height);
      }
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(SMALL.width);
      const ground = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
      const lightness = Number(/oklch\(([\d.]+)/.exec(ground)?.[1]);
      expect(lightness > 0.5 ? 'light' : 'dark').toBe(colorScheme);
      await keep(`small-${colorScheme}.png`, await chat.screenshot());
    }
  });
});
