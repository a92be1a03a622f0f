import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../support/program.js';
import type { ChatPage } from './chat-page.js';
import { Demo } from './demo.js';
import { difference, sideBySide } from './picture.js';

const PICTURE = join(projectRoot(), 'sample', '01-chat', 'chat.png');
/** Ports, times and latencies make less of a difference; a line more or less, or another colour, makes more. */
const MAX_DIFFERENCE = 0.02;

const demo = Demo.use();

async function pictureOf(windows: readonly ChatPage[]): Promise<Buffer> {
  const shots = windows.map(async (window) => ({ url: window.url, png: await window.screenshot() }));
  return sideBySide(demo.browser, await Promise.all(shots));
}

describe('the picture in the README', () => {
  it('shows the page as it is now; `npm run picture` makes it anew', async () => {
    const [lima = '', perth = ''] = (await demo.start()).urls;
    const [ada, grace] = [await demo.open(lima, 'Ada'), await demo.open(perth, 'Grace')];
    await ada.join('tea');
    await grace.join('tea');
    await ada.note('Grace joined #tea');
    await ada.say('Good morning! Does anybody hear me?');
    await grace.foot('Good morning!');
    await grace.say('Loud and clear, on another server.');
    await ada.foot('Loud and clear');
    await ada.say('Tea at four?', '#tea');
    await grace.foot('Tea at four?');
    await grace.whisper('Ada', 'I bring biscuits.');
    await ada.foot('I bring biscuits.');
    await grace.foot('I bring biscuits.');
    await ada.foot('Tea at four?');

    const picture = await pictureOf([ada, grace]);
    await demo.keep('chat.png', picture);
    if (process.env.UPDATE_PICTURE) await writeFile(PICTURE, picture);

    const shown = await readFile(PICTURE);
    expect(await difference(demo.browser, picture, shown)).toBeLessThan(MAX_DIFFERENCE);
    await ada.say('One more line.');
    await ada.foot('One more line.');
    const later = await pictureOf([ada, grace]);
    expect(await difference(demo.browser, later, shown)).toBeGreaterThan(MAX_DIFFERENCE);
  }, 180_000);
});
