import type { Browser } from 'playwright-core';

export interface WindowShot {
  readonly url: string;
  readonly png: Buffer;
}

const STYLE = `
  body { display: flex; gap: 28px; align-items: start; margin: 0; padding: 30px; background: linear-gradient(135deg, #fde6d2, #d3f3ef); }
  figure { margin: 0; overflow: hidden; border-radius: 12px; box-shadow: 0 12px 36px #0003; background: #fff; }
  figcaption { padding: 9px 14px; font: 13px Inter, system-ui, sans-serif; color: #555; background: #f1efee; }
  figcaption::before { content: '● ● ●'; margin-right: 14px; letter-spacing: 1px; color: #c9c4c1; }
  img { display: block; width: 720px; }`;

/** Windows side by side, as one picture. */
export async function sideBySide(browser: Browser, shots: readonly WindowShot[]): Promise<Buffer> {
  const windows = shots.map(
    ({ url, png }) =>
      `<figure><figcaption>${url}</figcaption><img src="data:image/png;base64,${png.toString('base64')}"></figure>`,
  );
  const page = await browser.newPage({ viewport: { width: 1528, height: 694 } });
  await page.setContent(`<style>${STYLE}</style>${windows.join('')}`);
  const picture = await page.screenshot();
  await page.close();
  return picture;
}
