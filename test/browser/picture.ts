import type { Browser } from 'playwright-core';
import { WINDOW } from './chat-page.js';

export interface WindowShot {
  readonly url: string;
  readonly png: Buffer;
}

const STYLE = `
  body { display: flex; gap: 28px; width: max-content; margin: 0; padding: 30px; background: linear-gradient(135deg, #fde6d2, #d3f3ef); }
  figure { margin: 0; overflow: hidden; border-radius: 12px; box-shadow: 0 12px 36px #0003; background: #fff; }
  figcaption { padding: 9px 14px; font: 13px Inter, system-ui, sans-serif; color: #555; background: #f1efee; }
  figcaption::before { content: '● ● ●'; margin-right: 14px; letter-spacing: 1px; color: #c9c4c1; }
  img { display: block; width: ${WINDOW.width}px; }`;

/** Windows side by side, as one picture. */
export async function sideBySide(browser: Browser, shots: readonly WindowShot[]): Promise<Buffer> {
  const windows = shots.map(
    ({ url, png }) => `<figure><figcaption>${url}</figcaption><img src="${dataUrl(png)}"></figure>`,
  );
  const page = await browser.newPage({ viewport: { width: 2 * WINDOW.width + 88, height: 800 } });
  await page.setContent(`<!doctype html><style>${STYLE}</style>${windows.join('')}`);
  const picture = await page.locator('body').screenshot();
  await page.close();
  return picture;
}

/** Pixels, each way, that are taken together: times and latencies differ from one picture to the next. */
const BLOCK = 8;
/** Of 255: by more than this, a block is another one. */
const TOLERANCE = 24;

/** @returns how much of two pictures differs, from 0 to 1; 1 if they are not of the same size */
export async function difference(browser: Browser, one: Buffer, other: Buffer): Promise<number> {
  const page = await browser.newPage();
  const settings = JSON.stringify({ urls: [one, other].map(dataUrl), block: BLOCK, tolerance: TOLERANCE });
  const share = await page.evaluate<number>(`(${COMPARE})(${settings})`);
  await page.close();
  return share;
}

/** Runs in the page, which can decode pictures. */
const COMPARE = `async ({ urls, block, tolerance }) => {
  const [one, other] = await Promise.all(urls.map(async (url) => {
    const image = new Image();
    image.src = url;
    await image.decode();
    const [width, height] = [image.width, image.height].map((side) => Math.round(side / block));
    const context = new OffscreenCanvas(width, height).getContext('2d');
    context.imageSmoothingQuality = 'high';
    context.drawImage(image, 0, 0, width, height);
    return { size: image.width + 'x' + image.height, data: context.getImageData(0, 0, width, height).data };
  }));
  if (one.size !== other.size) return 1;
  let different = 0;
  for (let at = 0; at < one.data.length; at += 4) {
    const channels = [0, 1, 2].map((channel) => Math.abs(one.data[at + channel] - other.data[at + channel]));
    if (Math.max(...channels) > tolerance) different++;
  }
  return different / (one.data.length / 4);
}`;

function dataUrl(png: Buffer): string {
  return `data:image/png;base64,${png.toString('base64')}`;
}
