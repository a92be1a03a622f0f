import { describe, expect, it } from 'vitest';
import { messageOf, sentence, stackOf, toError } from '../../lib/protocol/thrown.js';

/** An error with unusual properties. */
function strange(fields: PropertyDescriptorMap): Error {
  return Object.defineProperties(new Error('usual'), fields);
}

const throwing = {
  get: (): never => {
    throw new Error('a getter that throws');
  },
};

describe('anything that is thrown', () => {
  it.each<[string, unknown, string]>([
    ['an error', new TypeError('no such room'), 'no such room'],
    ['a string', 'no such room', 'no such room'],
    ['nothing', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a symbol', Symbol('s'), 'Symbol(s)'],
    ['an object without a prototype', Object.create(null), 'a value that cannot be shown'],
    ['an object whose toString throws', { toString: throwing.get }, 'a value that cannot be shown'],
    ['an error whose message is a number', strange({ message: { value: 7 } }), '7'],
    ['an error whose message cannot be read', strange({ message: throwing }), 'a value that cannot be shown'],
  ])('has a message and can be turned into an error: %s', (_name, thrown, message) => {
    expect(messageOf(thrown)).toBe(message);
    const error = toError(thrown);
    expect(error).toBeInstanceOf(Error);
    if (thrown instanceof Error) expect(error).toBe(thrown);
    else expect(error).toMatchObject({ message, cause: thrown });
  });

  it.each<[string, unknown]>([
    ['not an error', 'no such room'],
    ['an error whose stack is not a string', strange({ stack: { value: [] } })],
    ['an error whose stack cannot be read', strange({ stack: throwing })],
  ])('has no stack if it has no readable one: %s', (_name, thrown) => {
    expect(stackOf(thrown)).toBeUndefined();
  });

  it('has a stack if it is an error', () => {
    expect(stackOf(new Error('here'))).toContain('thrown.spec.ts');
  });
});

describe('a message inside another one', () => {
  it.each([
    ['connect ECONNREFUSED 127.0.0.1:6379', 'connect ECONNREFUSED 127.0.0.1:6379.'],
    ['Check the option redis.', 'Check the option redis.'],
  ])('ends with one period: %s', (message, expected) => {
    expect(sentence(message)).toBe(expected);
  });
});
