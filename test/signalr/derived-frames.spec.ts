import { describe, expect, it } from 'vitest';
import { argumentList, eventFrames, requestFrames } from '../../lib/protocol/argument-list.js';
import type { ClientFrame } from '../../lib/protocol/client-frame.js';
import { EVENT, EVENT_WITH_ARGUMENTS } from '../../lib/protocol/dialect.js';
import { jsonProtocol } from '../../lib/protocol/json-protocol.js';
import { MessageFrames } from '../../lib/protocol/message-frames.js';
import { msgpackProtocol } from '../../lib/protocol/msgpack-protocol.js';
import { jsonHubProtocol } from '../../lib/signalr/json-hub-protocol.js';
import { MessageSplitter } from '../../lib/signalr/message-splitter.js';
import { msgpackHubProtocol } from '../../lib/signalr/msgpack-hub-protocol.js';

const LIMITS = { maxDepth: 100, maxElements: 100_000 };
const MAX_BYTES = 100_000;

describe('an event for plain clients becomes a call:', () => {
  const DATA: readonly unknown[] = [
    undefined,
    null,
    0,
    'text',
    '"quoted" \\ ,"data":"x"}',
    ',"id":"1"}',
    [],
    [1, [2]],
    {},
    { id: 'a', event: 'b', data: { id: 'c' } },
    'größe 😀',
  ];
  const NAMES = ['e', 'with "quotes" \\', 'ünï', 'x'.repeat(40), 'y'.repeat(300), ',"data":'];

  it.each([
    [jsonHubProtocol, jsonProtocol],
    [msgpackHubProtocol, msgpackProtocol],
  ])('$name', (hub, plain) => {
    for (const name of NAMES) {
      for (const data of DATA) {
        const args = data === undefined ? [] : [data];
        const expected = hub.event(name, args).payload;
        expect(hub.derive(plain.encode({ event: name, data }), EVENT).payload).toEqual(expected);
        const received = MessageFrames.received([
          { protocol: plain.code, bytes: plain.encode({ event: name, data }).payload },
        ]).attemptFor(hub);
        expect((received as ClientFrame).payload).toEqual(expected);
      }
    }
  });

  it.each([
    [jsonHubProtocol, jsonProtocol],
    [msgpackHubProtocol, msgpackProtocol],
  ])('$name, with several arguments', (hub, plain) => {
    for (const args of [
      ['a', 1],
      [[], null],
      [{ a: 1 }, 'ü', [2]],
    ]) {
      const expected = hub.event('Several', args).payload;
      expect((eventFrames('Several', argumentList(...args)).attemptFor(hub) as ClientFrame).payload).toEqual(
        expected,
      );
      expect(
        hub.derive(plain.encode({ event: 'Several', data: args }), EVENT_WITH_ARGUMENTS).payload,
      ).toEqual(expected);
    }
    // One argument that is an array is no list of arguments.
    const one = eventFrames('One', argumentList([1, 2])).attemptFor(hub) as ClientFrame;
    expect(one.payload).toEqual(hub.event('One', [[1, 2]]).payload);
    const none = eventFrames('None', argumentList()).attemptFor(hub) as ClientFrame;
    expect(none.payload).toEqual(hub.event('None', []).payload);
  });

  it.each([jsonHubProtocol, msgpackHubProtocol])(
    '$name, from a server that writes the fields in another order',
    (hub) => {
      const frame = hub.protocol.encode({ data: [1], event: 'Other' });
      expect(hub.derive(frame, EVENT).payload).toEqual(hub.event('Other', [[1]]).payload);
      expect(() => hub.derive(hub.protocol.encode({ data: 1 }), EVENT)).toThrow(TypeError);
    },
  );

  it.each([jsonHubProtocol, msgpackHubProtocol])('$name, with the id of an invocation', (hub) => {
    const frame = requestFrames('Ask', argumentList('a', 2), 'S:1').attemptFor(hub) as ClientFrame;
    const [message] = [...new MessageSplitter(hub.find, MAX_BYTES).push(frame.payload)];
    expect(hub.decode(message as Buffer, LIMITS)).toMatchObject({
      kind: 'invocation',
      id: 'S:1',
      target: 'Ask',
      args: ['a', 2],
    });
  });
});
