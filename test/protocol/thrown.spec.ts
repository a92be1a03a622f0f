import { describe, expect, it } from 'vitest';
import { messageOf, stackOf, toError } from '../../lib/protocol/thrown.js';

/** An error whose fields are something else than Node's own. */
function strange(fields: PropertyDescriptorMap): Error {
  return Object.defineProperties(new Error('usual'), fields);
}

const throwing = {
  get: (): never => {
    throw new Error('a getter that throws');
  },
};

describe('whatever was thrown', () => {
  it.each<[string, unknown, string]>([
    ['an error', new TypeError('no such room'), 'no such room'],
    ['a string', 'no such room', 'no such room'],
    ['nothing', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a symbol', Symbol('s'), 'Symbol(s)'],
    ['an object without a prototype', Object.create(null), 'a value that cannot be shown'],
    ['an object that fails as a string', { toString: throwing.get }, 'a value that cannot be shown'],
    ['an error whose message is a number', strange({ message: { value: 7 } }), '7'],
    ['an error whose message cannot be read', strange({ message: throwing }), 'a value that cannot be shown'],
  ])('has a message and becomes an error: %s', (_name, thrown, message) => {
    expect(messageOf(thrown)).toBe(message);
    const error = toError(thrown);
    expect(error).toBeInstanceOf(Error);
    if (thrown instanceof Error) expect(error).toBe(thrown);
    else expect(error).toMatchObject({ message, cause: thrown });
  });

  it.each<[string, unknown]>([
    ['no error', 'no such room'],
    ['a stack that is no text', strange({ stack: { value: [] } })],
    ['a stack that cannot be read', strange({ stack: throwing })],
  ])('has no stack where there is none: %s', (_name, thrown) => {
    expect(stackOf(thrown)).toBeUndefined();
  });

  it('has the stack of an error', () => {
    expect(stackOf(new Error('here'))).toContain('thrown.spec.ts');
  });
});
