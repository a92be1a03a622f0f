import { describe, expect, it } from 'vitest';
import { Proxy } from '../faults/proxy.js';
import { freePorts } from '../support/free-ports.js';
import { Demo } from './demo.js';

const SMALL = { width: 360, height: 640 };
const SCREENS = [
  SMALL,
  { width: 390, height: 844 },
  { width: 1024, height: 768 },
  { width: 1440, height: 900 },
];

const demo = Demo.use();

describe('the chat in a browser, in two windows on two servers', () => {
  it('people join, talk, see Redis go and come back, and talk on', async () => {
    const { urls, redis } = await demo.start();
    const [lima = '', perth = ''] = urls;
    const [ada, grace] = [await demo.open(lima, 'Ada'), await demo.open(perth, 'Grace')];

    await ada.join('tea');
    await grace.join('tea');
    await ada.note('Grace joined #tea');
    await ada.say('Good morning! Does anybody hear me?');
    expect(await grace.head('Good morning!')).toBe('Ada Lima → Redis → Perth');
    expect(await grace.foot('Good morning!')).toMatch(/^\d\d:\d\d:\d\d · (< 1|\d+) ms through Redis$/);
    expect(await ada.foot('Good morning!')).toMatch(/^\d\d:\d\d:\d\d · ✓ confirmed in (< 1|\d+) ms$/);
    await grace.say('Loud and clear, on another server.');
    expect(await ada.head('Loud and clear')).toBe('Grace Perth → Redis → Lima');
    await ada.say('Tea at four?', '#tea');
    expect(await grace.head('Tea at four?')).toBe('Ada Lima → Redis → Perth #tea');
    expect(await ada.audience()).toBe('#tea: Members of #tea on Lima, Perth and Kyoto will get this.');

    await redis.kill();
    for (const window of [ada, grace]) {
      await window.status('reconnecting');
      await window.reach('No server reaches Redis, so Lima, Perth and Kyoto cannot reach each other.');
      expect(await window.cutOff()).toEqual(['Lima', 'Perth', 'Kyoto']);
    }
    await ada.say('Still here?');
    expect(await ada.audience()).toBe(
      'everyone: People on Lima will get this, but not those on Perth and Kyoto.',
    );
    expect(await ada.foot('Still here?')).toMatch(/Only people on Lima got it\. ?Retry$/);
    await demo.keep('redis-away.png', await ada.screenshot());

    await redis.start();
    for (const window of [ada, grace]) {
      await window.status('ready');
      await window.reach('Every server reaches every other one through Redis.');
      expect(await window.cutOff()).toEqual([]);
    }
    await ada.say('Here we are again.', '#tea');
    expect(await grace.head('Here we are again.')).toBe('Ada Lima → Redis → Perth #tea');
    expect(await grace.texts()).not.toContain('Still here?');

    for (const { asked, errors, url } of [ada, grace]) {
      expect([...asked]).toEqual([url]);
      expect(errors).toEqual([]);
    }
  }, 180_000);

  it('a message to one person goes to that person, and the next one to whom the one before went', async () => {
    const [lima = '', perth = ''] = (await demo.start()).urls;
    const [ada, grace] = [await demo.open(lima, 'Ada'), await demo.open(perth, 'Grace')];
    const onLooker = await demo.open(perth, 'Kim');
    await grace.join('tea');
    await ada.say('Does anybody hear me?');
    await grace.say('Tea is ready.', '#tea');

    await grace.choose('Ada');
    expect(await grace.audiences()).toEqual(['everyone', '#tea', 'only Ada']);
    expect(await grace.audience()).toBe(
      'only Ada: Nobody but Ada on Lima will get this. After it, to #tea again.',
    );
    await grace.say('I bring biscuits.', 'only Ada');
    expect(await grace.audience()).toMatch(/^#tea: /);
    expect(await grace.audiences()).toEqual(['everyone', '#tea']);
    expect(await ada.head('I bring biscuits.')).toBe('Grace Perth → Redis → Lima only to you');

    await grace.choose('Ada');
    await grace.page.keyboard.press('Escape');
    expect(await grace.audience()).toMatch(/^#tea: /);
    await grace.say('For all.');
    await onLooker.foot('For all.');
    expect(await onLooker.texts()).toEqual(['Does anybody hear me?', 'For all.']);
  });

  it('a message that failed is sent again by the button next to it, and nobody sees it twice', async () => {
    const { urls, redis } = await demo.start();
    const [lima = '', perth = ''] = urls;
    const [ada, grace] = [await demo.open(lima, 'Ada'), await demo.open(perth, 'Grace')];
    const neighbour = await demo.open(lima, 'Kim');

    await redis.kill();
    await ada.status('reconnecting');
    await ada.say('Still here?');
    expect(await ada.foot('Still here?')).toContain('Only people on Lima got it.');
    await ada.retry('Still here?');
    expect(await ada.foot('Still here?')).toContain('Only people on Lima got it.');
    await redis.start();
    for (const window of [ada, grace]) await window.status('ready');
    await ada.retry('Still here?');

    expect(await grace.foot('Still here?')).toContain('through Redis');
    expect(await ada.foot('Still here?')).toMatch(/✓ confirmed in (< 1|\d+) ms$/);
    await grace.say('Yes, again.');
    await neighbour.foot('Yes, again.');
    for (const window of [ada, grace, neighbour])
      expect(await window.texts()).toEqual(['Still here?', 'Yes, again.']);
  }, 40_000);

  it('a group that cannot be joined looks like one that this page is not in, and can be tried again', async () => {
    const { urls, redis } = await demo.start();
    const ada = await demo.open(urls[0] ?? '', 'Ada');
    await redis.kill();
    await ada.status('reconnecting');

    expect(await ada.joinInVain('jazz')).toContain(
      'You are not in #jazz. Lima cannot join a group without Redis.',
    );
    expect(await ada.group('jazz').getAttribute('aria-pressed')).toBe('false');
    expect(await ada.group('jazz').getAttribute('aria-busy')).toBe('false');
    expect(await ada.audiences()).toEqual(['everyone']);

    await redis.start();
    await ada.status('ready');
    await ada.refusal.getByRole('button', { name: 'Try again' }).click();
    await ada.group('jazz', true).waitFor();
    expect(await ada.refusal.count()).toBe(0);
    expect(await ada.audiences()).toEqual(['everyone', '#jazz']);
  }, 40_000);

  it('a page that loses its server says so, comes back with its groups, and sends again what was under way', async () => {
    const [lima = '', perth = ''] = (await demo.start()).urls;
    const wayToLima = await Proxy.open(Number(new URL(lima).port));
    demo.farm.onEnd(() => wayToLima.close());
    const [nowhere = 0] = await freePorts([undefined]);
    const ada = await demo.open(`http://127.0.0.1:${wayToLima.port}`, 'Ada');
    const grace = await demo.open(perth, 'Grace');
    await ada.join('tea');
    await grace.join('tea');

    wayToLima.blackhole();
    await ada.say('Under way.');
    wayToLima.repoint(nowhere);
    await ada.status('offline');
    expect(await ada.foot('Under way.')).toContain('The connection was lost before Lima confirmed it.');
    expect(await ada.audience()).toBe('everyone: This page is not connected. It can send again once it is.');
    await ada.reach('This page has lost Lima');
    wayToLima.heal();
    wayToLima.repoint(Number(new URL(lima).port));
    await ada.status('ready');

    // Grace hears of it when Ada's new connection is a member.
    await grace.note('Ada joined #tea');
    await grace.say('Welcome back.', '#tea');
    expect(await ada.head('Welcome back.')).toContain('#tea');
    await ada.retry('Under way.');
    await grace.foot('Under way.');
    expect(await grace.texts()).toEqual(['Welcome back.', 'Under way.']);
  });

  it('the list of members names their servers, and loses those of a killed server', async () => {
    const { urls, pids } = await demo.start();
    const [lima = '', perth = '', kyoto = ''] = urls;
    const [ada, grace] = [await demo.open(lima, 'Ada'), await demo.open(perth, 'Grace')];
    const [kim, adaAgain] = [await demo.open(kyoto, 'Kim'), await demo.open(kyoto, 'Ada')];
    const person = await ada.page.evaluate<string>("localStorage.getItem('person')");
    await adaAgain.page.evaluate(`localStorage.setItem('person', '${person}')`);
    await adaAgain.page.reload();
    await adaAgain.status('ready');

    for (const window of [ada, grace, kim]) await window.join('tea');
    const seen = ['Ada Lima', 'Grace Perth', 'Kim Kyoto'];
    for (const window of [ada, grace, kim])
      await expect.poll(() => window.members('tea'), { timeout: 10_000 }).toEqual(seen);
    await adaAgain.join('tea');
    await expect
      .poll(() => grace.members('tea'), { timeout: 10_000 })
      .toEqual(['Ada Kyoto +1', 'Grace Perth', 'Kim Kyoto']);

    process.kill(pids[2] ?? NaN, 'SIGKILL');
    for (const window of [ada, grace])
      await expect
        .poll(() => window.members('tea'), { timeout: 20_000 })
        .toEqual(['Ada Lima', 'Grace Perth']);
  }, 90_000);

  it.each([
    [
      ['Perth'],
      'Perth cannot reach Lima and Kyoto, and cannot be reached. Lima and Kyoto still reach each other.',
    ],
    [
      ['Lima'],
      'Lima cannot reach Perth and Kyoto, and cannot be reached. Perth and Kyoto still reach each other.',
    ],
    [['Lima', 'Kyoto'], 'Lima and Kyoto cannot reach Perth, and cannot be reached.'],
  ])('a page on Lima says who reaches whom when Redis is away from %j', async (away, reach) => {
    const page = await demo.browser.newPage();
    demo.farm.onEnd(() => page.close());
    const stateOf = (name: string) => (away.includes(name) ? 'reconnecting' : 'ready');
    const names = ['Lima', 'Perth', 'Kyoto'];
    // In place of the server, so that one of three loses a Redis that they share.
    await page.routeWebSocket(/\/chat(\?|$)/, (socket) => {
      const data = {
        id: 'lima.ada',
        server: 'Lima',
        carrier: 'Redis',
        farm: names.map((name) => ({ name })),
        states: Object.fromEntries(names.map((name) => [name, stateOf(name)])),
        status: { state: stateOf('Lima'), attempt: 1, nextDelayMs: 100 },
      };
      socket.send(JSON.stringify({ event: 'welcome', data }));
    });
    await page.goto((await demo.start()).urls[0] ?? '');

    await page.locator('#reach').filter({ hasText: reach }).waitFor();
    expect(await page.locator('#reach').innerText()).toBe(reach);
    expect(await page.locator('.place.off .server').allInnerTexts()).toEqual(away);
    expect(await page.locator('.connection.off').count()).toBe(away.length);
  });
});

describe('the page on screens of every size', () => {
  it('shows all that is needed, without scrolling sideways, light and dark, with Redis and without', async () => {
    const { urls, redis } = await demo.start();
    const pages = [];
    for (const viewport of SCREENS)
      for (const colorScheme of ['light', 'dark'] as const)
        pages.push({
          viewport,
          colorScheme,
          chat: await demo.open(urls[0] ?? '', 'Ada', { viewport, colorScheme }),
        });

    for (const { viewport, colorScheme, chat } of pages) {
      for (const name of ['Send', 'Wave', '#tea']) {
        const box = await chat.page.getByRole('button', { name }).boundingBox();
        expect((box?.x ?? NaN) + (box?.width ?? NaN)).toBeLessThanOrEqual(viewport.width);
        expect((box?.y ?? NaN) + (box?.height ?? NaN)).toBeLessThanOrEqual(viewport.height);
      }
      const ground = await chat.page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
      const lightness = Number(/oklch\(([\d.]+)/.exec(ground)?.[1]);
      expect(lightness > 0.5 ? 'light' : 'dark').toBe(colorScheme);
    }
    await redis.kill();
    for (const { viewport, colorScheme, chat } of pages) {
      await chat.reach('No server reaches Redis');
      await chat.joinInVain('jazz');
      await chat.say('Still here?');
      await chat.page.getByRole('button', { name: 'Retry' }).first().waitFor();
      expect(await chat.page.evaluate('document.documentElement.scrollWidth')).toBe(viewport.width);
      await demo.keep(`away-${viewport.width}-${colorScheme}.png`, await chat.screenshot());
    }
  }, 180_000);

  it('a wide one is used: the picture has its own column next to the chat', async () => {
    const [lima = ''] = (await demo.start()).urls;
    const { page } = await demo.open(lima, 'Ada', { viewport: { width: 1440, height: 900 } });
    const [chat, picture] = await Promise.all(
      [page.getByRole('region', { name: 'Chat' }), page.getByRole('complementary', { name: 'Servers' })].map(
        (part) => part.boundingBox(),
      ),
    );
    expect(picture?.x ?? NaN).toBeGreaterThan((chat?.x ?? NaN) + (chat?.width ?? NaN));
    expect((picture?.x ?? NaN) + (picture?.width ?? NaN)).toBeGreaterThan(1400);
    expect(chat?.width ?? NaN).toBeGreaterThan(700);
  });
});
