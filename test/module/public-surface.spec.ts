import { expect, it } from 'vitest';
import { publicSurface } from '../support/public-surface.js';

const { text, unexported, errors } = publicSurface();

it('the package exports what public-surface.txt lists (vitest -u updates the list)', async () => {
  await expect(text).toMatchFileSnapshot('./public-surface.txt');
});

it('the package exports every type that a public signature names', () => {
  expect(unexported).toEqual([]);
});

it('the declarations compile without skipLibCheck', () => {
  expect(errors).toEqual([]);
});

it('the public API exposes no internal names', () => {
  expect(text).not.toMatch(
    /setRunning|bindMessageHandlers|BroadcastContext|AdapterContext|BoundTarget|ClientConnection/,
  );
});
