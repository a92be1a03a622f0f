import { describe, expect, it } from 'vitest';
import { ClientFrame } from '../../lib/protocol/client-frame.js';
import { HubProtocolError } from '../../lib/signalr/hub-message.js';
import { jsonHubProtocol } from '../../lib/signalr/json-hub-protocol.js';
import { StatefulConnection } from '../../lib/signalr/stateful-connection.js';
import { StatefulSink } from '../../lib/signalr/stateful-sink.js';
import { RecordingSink } from '../support/recording-sink.js';

const FRAMES = 80_000;

const counters = { volatileDropped: 0 };

function filled(count: number, maxBytes = Infinity): StatefulSink {
  const sink = new StatefulSink(jsonHubProtocol, new RecordingSink(), maxBytes, counters, () => undefined);
  for (let number = 1; number <= count; number++) sink.write(ClientFrame.text(String(number)), false);
  return sink;
}

function resumed(sink: StatefulSink): string[] {
  const recorder = new RecordingSink();
  sink.detach();
  sink.attach(recorder);
  return recorder.written;
}

const sequence = (sequenceId: number): string => `${JSON.stringify({ type: 9, sequenceId })}\u001e`;

describe('a client that resumes its connection', () => {
  it('gets what it has not acknowledged, after the number of the first of it', () => {
    const sink = filled(5);
    sink.acknowledged(3);
    expect(resumed(sink)).toEqual([sequence(4), '4', '5']);
    sink.acknowledged(5);
    expect(resumed(sink)).toEqual([sequence(6)]);
  });

  it('may acknowledge what was never sent, or what it has acknowledged before', () => {
    const sink = filled(3);
    for (const number of [0, 2, 1, 2, 1e15]) sink.acknowledged(number);
    expect(resumed(sink)).toEqual([sequence(4)]);
  });

  it('cannot, if what it has not acknowledged was too much to keep, until it has acknowledged that', () => {
    const sink = filled(100, 50);
    sink.acknowledged(10);
    expect(sink.canResume).toBe(false);
    sink.acknowledged(99);
    expect(sink.canResume).toBe(true);
    expect(resumed(sink)).toEqual([sequence(100), '100']);
  });

  it('cannot, if more was kept for it than the limit while it was away', () => {
    let lost = 0;
    const sink = new StatefulSink(jsonHubProtocol, new RecordingSink(), 50, counters, () => lost++);
    sink.detach();
    for (let number = 0; number < 50; number++) sink.write(ClientFrame.text('x'), false);
    expect([lost, sink.canResume]).toEqual([1, false]);
  });

  it(`acknowledges ${FRAMES} messages one by one in linear time`, () => {
    const sink = filled(FRAMES);
    const started = performance.now();
    for (let number = 1; number <= FRAMES; number++) sink.acknowledged(number);
    // Moving the rest for each of them would take seconds.
    expect(performance.now() - started).toBeLessThan(500);
    expect(resumed(sink)).toEqual([sequence(FRAMES + 1)]);
  });
});

const connectionOn = (socket: RecordingSink): StatefulConnection =>
  new StatefulConnection(jsonHubProtocol, socket, Infinity, counters, () => undefined);

describe('the number of the next message that a client names', () => {
  const received = (count: number): StatefulConnection => {
    const connection = connectionOn(new RecordingSink());
    for (let number = 0; number < count; number++) connection.takeNumber();
    return connection;
  };

  it('decides, after a resume, which messages are repetitions', () => {
    const connection = received(3);
    connection.attach(new RecordingSink());
    connection.sequence(2);
    expect([2, 3, 4].map(() => connection.takeNumber())).toEqual([false, false, true]);
    connection.close();
  });

  it.each([0, 5])('is refused if it is %i after three messages', (number) => {
    const connection = received(3);
    connection.attach(new RecordingSink());
    expect(() => connection.sequence(number)).toThrow(HubProtocolError);
    connection.close();
  });

  it('is refused without a resume, and a second time after one', () => {
    const connection = received(3);
    expect(() => connection.sequence(1)).toThrow(HubProtocolError);
    connection.attach(new RecordingSink());
    connection.sequence(1);
    expect(() => connection.sequence(1)).toThrow(HubProtocolError);
    connection.close();
  });
});
