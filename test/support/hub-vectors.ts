import type { HubMessage } from '../../lib/signalr/hub-message.js';

const call = (message: object): HubMessage => ({
  kind: 'invocation',
  target: 'method',
  args: [],
  id: undefined,
  streamIds: [],
  isStream: false,
  ...message,
});

export const json = (text: string): Buffer => Buffer.from(`${text}\u001e`);
export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** A message on the wire, and what it means. */
export type Vector = readonly [bytes: Buffer, message: HubMessage];

export const JSON_VECTORS: readonly Vector[] = [
  [json('{"type":1,"target":"Target","arguments":[1,"Foo"]}'), call({ target: 'Target', args: [1, 'Foo'] })],
  [
    json('{"type":1,"invocationId":"123","target":"Target","arguments":[1,"Foo"]}'),
    call({ id: '123', target: 'Target', args: [1, 'Foo'] }),
  ],
  [
    json('{"type":1,"target":"Target","arguments":[],"streamIds":["__test_id__"]}'),
    call({ target: 'Target', streamIds: ['__test_id__'] }),
  ],
  [
    json('{"type":1,"headers":{"Foo":"Bar"},"invocationId":"123","target":"Target","arguments":[]}'),
    call({ id: '123', target: 'Target' }),
  ],
  [
    json('{"arguments":[1],"invocationId":"0","target":"target","type":1}'),
    call({ id: '0', target: 'target', args: [1] }),
  ],
  [json('{"type":1,"invocationId":"","target":"Target","arguments":[]}'), call({ target: 'Target' })],
  [json('{"type":2,"invocationId":"123","item":null}'), { kind: 'item', id: '123', item: null }],
  [json('{"type":3,"invocationId":"123"}'), { kind: 'completion', id: '123', outcome: 'data', value: null }],
  [
    json('{"type":3,"invocationId":"123","result":null}'),
    { kind: 'completion', id: '123', outcome: 'data', value: null },
  ],
  [
    json('{"type":3,"invocationId":"123","result":{"a":1}}'),
    { kind: 'completion', id: '123', outcome: 'data', value: { a: 1 } },
  ],
  [
    json('{"type":3,"invocationId":"123","error":"Whoops!"}'),
    { kind: 'completion', id: '123', outcome: 'error', value: 'Whoops!' },
  ],
  [
    json('{"type":3,"invocationId":"123","error":""}'),
    { kind: 'completion', id: '123', outcome: 'error', value: '' },
  ],
  [
    json('{"type":4,"invocationId":"123","target":"Target","arguments":[1]}'),
    call({ id: '123', target: 'Target', args: [1], isStream: true }),
  ],
  [json('{"type":5,"invocationId":"123"}'), { kind: 'cancel', id: '123' }],
  [json('{"type":6}'), { kind: 'ping' }],
  [json('{"type":7}'), { kind: 'close' }],
  [json('{"type":7,"error":"Error!","allowReconnect":true}'), { kind: 'close' }],
  [json('{"type":7,"allowReconnect":true}'), { kind: 'close' }],
  [json('{"type":7,"error":""}'), { kind: 'close' }],
  [json('{"type":8,"sequenceId":1394}'), { kind: 'acknowledgment', number: 1394 }],
  [json('{"type":9,"sequenceId":1234}'), { kind: 'sequence', number: 1234 }],
  [json('{"type":42,"whatever":1}'), { kind: 'unknown' }],
];

export const MSGPACK_VECTORS: readonly Vector[] = [
  [hex('10 96 01 80 a3 78 79 7a a6 6d 65 74 68 6f 64 90 90'), call({ id: 'xyz' })],
  [hex('0d 96 01 80 c0 a6 6d 65 74 68 6f 64 90 90'), call({})],
  [hex('0e 96 01 80 c0 a6 6d 65 74 68 6f 64 91 2a 90'), call({ args: [42] })],
  // Without the ids of streams, as Microsoft's client for JavaScript writes it.
  [hex('0d 95 01 80 c0 a6 6d 65 74 68 6f 64 91 2a'), call({ args: [42] })],
  [hex('15 96 01 80 c0 a6 6d 65 74 68 6f 64 92 2a a6 73 74 72 69 6e 67 90'), call({ args: [42, 'string'] })],
  [hex('0e 96 01 80 c0 a6 6d 65 74 68 6f 64 91 c0 90'), call({ args: [null] })],
  [
    hex('1a 96 01 80 c0 a6 54 61 72 67 65 74 91 2a 91 ab 5f 5f 74 65 73 74 5f 69 64 5f 5f'),
    call({ target: 'Target', args: [42], streamIds: ['__test_id__'] }),
  ],
  [
    hex('19 96 01 82 a1 78 a1 79 a1 7a a1 7a a3 78 79 7a a6 6d 65 74 68 6f 64 91 2a 90'),
    call({ id: 'xyz', args: [42] }),
  ],
  [hex('08 94 02 80 a3 78 79 7a 2a'), { kind: 'item', id: 'xyz', item: 42 }],
  [hex('08 94 02 80 a3 78 79 7a c0'), { kind: 'item', id: 'xyz', item: null }],
  [hex('0e 94 02 80 a3 78 79 7a a6 73 74 72 69 6e 67'), { kind: 'item', id: 'xyz', item: 'string' }],
  [hex('0c 94 02 80 a3 78 79 7a ca 42 28 00 00'), { kind: 'item', id: 'xyz', item: 42 }],
  [hex('08 94 03 80 a3 78 79 7a 02'), { kind: 'completion', id: 'xyz', outcome: 'data', value: null }],
  [hex('09 95 03 80 a3 78 79 7a 03 2a'), { kind: 'completion', id: 'xyz', outcome: 'data', value: 42 }],
  [hex('09 95 03 80 a3 78 79 7a 03 c3'), { kind: 'completion', id: 'xyz', outcome: 'data', value: true }],
  [
    hex('0b 95 03 80 a3 61 62 63 03 a2 4f 4b'),
    { kind: 'completion', id: 'abc', outcome: 'data', value: 'OK' },
  ],
  [hex('09 95 03 80 a3 78 79 7a 03 c0'), { kind: 'completion', id: 'xyz', outcome: 'data', value: null }],
  [
    hex('19 95 03 80 a3 78 79 7a 01 b0 45 72 72 6f 72 20 6e 6f 74 20 66 6f 75 6e 64 21'),
    { kind: 'completion', id: 'xyz', outcome: 'error', value: 'Error not found!' },
  ],
  // Void, with one item too many.
  [hex('09 95 03 80 a3 61 62 63 02 00'), { kind: 'completion', id: 'abc', outcome: 'data', value: null }],
  [
    hex('11 96 04 80 a3 78 79 7a a6 6d 65 74 68 6f 64 91 2a 90'),
    call({ id: 'xyz', args: [42], isStream: true }),
  ],
  [hex('07 93 05 80 a3 78 79 7a'), { kind: 'cancel', id: 'xyz' }],
  [hex('02 91 06'), { kind: 'ping' }],
  [hex('04 93 07 c0 c2'), { kind: 'close' }],
  [hex('04 93 07 c0 c3'), { kind: 'close' }],
  [hex('0a 93 07 a6 45 72 72 6f 72 21 c3'), { kind: 'close' }],
  [hex('03 92 07 c0'), { kind: 'close' }],
  [hex('03 92 08 2a'), { kind: 'acknowledgment', number: 42 }],
  // A number in more bytes than it needs.
  [hex('04 92 08 cc 24'), { kind: 'acknowledgment', number: 36 }],
  [hex('04 92 09 cc 92'), { kind: 'sequence', number: 146 }],
  [hex('04 92 63 cc 24'), { kind: 'unknown' }],
];
