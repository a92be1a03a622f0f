import { beforeEach, describe, expect, it } from 'vitest';
import { Deferred } from '../../lib/bus/deferred.js';
import { Requests, type SendOptions } from '../../lib/routing/requests.js';
import { BackplaneClosedError, InvokeCanceledError } from '../../lib/routing/request.errors.js';
import { NotPublishedError } from '../../lib/routing/routing.errors.js';
import { ServerReplies } from '../../lib/routing/server-replies.js';
import { Capability } from '../../lib/protocol/capabilities.js';
import { encodeRecord } from '../../lib/protocol/envelope.js';
import { encodeHeartbeat } from '../../lib/protocol/heartbeat-record.js';
import { ALL } from '../../lib/protocol/target.js';
import { ManualClock } from '../support/manual-clock.js';
import { PATH, PEER_ID, RoutingServer } from '../support/routing-server.js';

const OTHER_ID = 'OtherServer-';
const KIND = 200;
const LATER_CAPABILITY = 1 << 20;
const EVERYONE = { path: PATH, targets: [ALL], excluded: [] };
const OPTIONS: SendOptions = { what: 'command', timeoutMs: 5000, isRepeatable: true };

let clock: ManualClock;
let server: RoutingServer;
let requests: Requests;
let replies: ServerReplies<string>;

beforeEach(async () => {
  clock = new ManualClock();
  server = await new RoutingServer({ policy: 'reject' }, clock).start();
  requests = new Requests(server.bus, server.channels, server.addressing, 2 ** 20);
  replies = new ServerReplies(server.bus.peers);
  return () => server.close();
});

const beat = (origin: string, capabilities?: number): void =>
  server.hearsFrom(
    origin,
    encodeHeartbeat({ number: 1, sentAt: clock.now(), ...(capabilities !== undefined && { capabilities }) }),
  );

const request = () => requests.prepare(EVERYONE, () => encodeRecord(KIND, Buffer.from('who is there?')));

/** Advances the time; this server hears itself. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 250) {
    clock.advance(250);
    await server.flushed();
    server.echo();
  }
}

describe('a request to every server', () => {
  it('resolves when every server that is heard has replied', async () => {
    beat(PEER_ID);
    beat(OTHER_ID);
    await pass(1000);
    let isDone = false;
    const done = requests.send(request(), replies, OPTIONS).then(() => (isDone = true));
    await server.flushed();
    replies.reply(PEER_ID, 'here');
    await server.flushed();
    expect(isDone).toBe(false);
    replies.reply(OTHER_ID, 'here too');
    await done;
    expect([...replies.replies.values()]).toEqual(['here', 'here too']);
  });

  it('does not wait for a server whose heartbeats say that it has no connections', async () => {
    beat(PEER_ID);
    beat(OTHER_ID, 0);
    await pass(1000);
    const done = requests.send(request(), replies, OPTIONS);
    await server.flushed();
    replies.reply(PEER_ID, 'here');
    await done;
    expect(replies).toMatchObject({ outstanding: [], unable: new Set() });
  });

  it('reports at once the servers that do not know it, and waits for the others', async () => {
    beat(PEER_ID, Capability.Connections | LATER_CAPABILITY);
    beat(OTHER_ID);
    await pass(1000);
    const done = requests.send(request(), replies, { ...OPTIONS, needs: LATER_CAPABILITY });
    await server.flushed();
    replies.reply(PEER_ID, 'here');
    await done;
    expect([...replies.unable]).toEqual([OTHER_ID]);
  });

  it('is repeated each second to the servers that have not replied, if it is repeatable', async () => {
    beat(PEER_ID);
    await pass(1000);
    const done = requests.send(request(), replies, OPTIONS);
    await server.flushed();
    await pass(2000);
    expect(server.sent(KIND)).toHaveLength(3);
    replies.reply(PEER_ID, 'here');
    await done;
    await pass(2000);
    expect(server.sent(KIND)).toHaveLength(3);
  });

  it('ends with the timeout, and reports which servers did not reply', async () => {
    beat(PEER_ID);
    await pass(1000);
    const done = requests.send(request(), replies, { ...OPTIONS, timeoutMs: 500 });
    await server.flushed();
    await pass(500);
    await done;
    expect(replies.outstanding).toEqual([PEER_ID]);
    expect(clock.timerCount).toBe(1);
  });

  it('ends with the timeout if Redis does not acknowledge it, and reports that nobody replied', async () => {
    beat(PEER_ID);
    await pass(1000);
    const held = new Deferred();
    server.transport.held = held;
    const done = requests.send(request(), replies, { ...OPTIONS, timeoutMs: 500 });
    await pass(500);
    await done;
    expect(replies.outstanding).toEqual([PEER_ID]);
    held.resolve();
  });

  it('ends when its signal is aborted, even before the start', async () => {
    beat(PEER_ID);
    await pass(1000);
    const abort = new AbortController();
    const done = requests.send(request(), replies, { ...OPTIONS, signal: abort.signal });
    await server.flushed();
    abort.abort(new Error('enough'));
    await expect(done).rejects.toThrow(InvokeCanceledError);
    const again = requests.send(request(), new ServerReplies(server.bus.peers), {
      ...OPTIONS,
      signal: abort.signal,
    });
    await expect(again).rejects.toThrow(InvokeCanceledError);
  });

  it('ends when the app closes, and later requests reject', async () => {
    beat(PEER_ID);
    await pass(1000);
    const done = requests.send(request(), replies, OPTIONS);
    await server.flushed();
    requests.close();
    await expect(done).rejects.toThrow(BackplaneClosedError);
    await expect(requests.send(request(), replies, OPTIONS)).rejects.toThrow(NotPublishedError);
  });
});

describe('a heartbeat', () => {
  it('without capabilities, from an older release, stands for those of the first release', () => {
    beat(PEER_ID);
    expect(server.bus.peers.can(PEER_ID, Capability.Connections)).toBe(true);
    expect(server.bus.peers.can(PEER_ID, LATER_CAPABILITY)).toBe(false);
  });
});
