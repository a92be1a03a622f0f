import { expect, it } from 'vitest';
import { publicSurface } from '../support/public-surface.js';

const { text, unexported, errors } = publicSurface();

it('exports what public-surface.txt says: every change of the public API is visible there (update it with vitest -u)', async () => {
  await expect(text).toMatchFileSnapshot('./public-surface.txt');
});

it('exports everything that a public signature names', () => {
  expect(unexported).toEqual([]);
});

it('declares itself so that users can compile it without skipLibCheck', () => {
  expect(errors).toEqual([]);
});

it('shows users nothing that is internal', () => {
  expect(text).not.toMatch(
    /setRunning|bindMessageHandlers|BroadcastContext|AdapterContext|BoundTarget|ClientConnection/,
  );
});
