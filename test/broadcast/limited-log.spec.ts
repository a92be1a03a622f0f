import { Logger } from '@nestjs/common';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { LimitedLog } from '../../lib/broadcast/limited-log.js';

let now = 0;
const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
const error = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);

const log = (): LimitedLog => new LimitedLog(new Logger('Test'), () => now);
const warned = (): string[] => warn.mock.calls.map(([line]) => line as string);

afterEach(() => {
  now = 0;
  warn.mockClear();
  error.mockClear();
});

// All test files of a worker share Nest's Logger.
afterAll(() => {
  warn.mockRestore();
  error.mockRestore();
});

describe('LimitedLog', () => {
  it('logs one line per second and kind, and counts the suppressed lines in the next one', () => {
    const limited = log();
    for (let line = 0; line < 2000; line++) limited.warn('refused', `refused ${line}`);
    limited.warn('other', 'another kind');
    now = 999;
    limited.warn('refused', 'still within the second');
    now = 1000;
    limited.warn('refused', 'the next second');
    now = 2000;
    limited.warn('refused', 'nothing was suppressed since');
    expect(warned()).toEqual([
      'refused 0',
      'another kind',
      'the next second (2000 similar lines were suppressed)',
      'nothing was suppressed since',
    ]);
  });

  it('shortens a message and keeps it on one line', () => {
    log().warn('refused', `origin \r\n[Nest] forged ${'x'.repeat(8192)}`);
    const [line = ''] = warned();
    expect(line).toMatch(/^origin {2}\[Nest\] forged x+…$/);
    expect(line.length).toBeLessThan(510);
  });

  it('logs an error with its message and a truncated stack', () => {
    const failure = new Error('boom');
    failure.stack = 's'.repeat(100_000);
    log().error('hook', 'handleConnection failed', failure);
    expect(error).toHaveBeenCalledWith('handleConnection failed: boom', 's'.repeat(4000));
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['an object without a string form', Object.create(null) as unknown],
  ])('logs a thrown value that is %s', (_name, thrown) => {
    expect(() => log().error('hook', 'handleConnection failed', thrown)).not.toThrow();
    expect(error).toHaveBeenCalledWith(expect.stringMatching(/^handleConnection failed: ./), undefined);
  });
});
