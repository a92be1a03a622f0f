import { describe, expect, it } from 'vitest';
import { delivered, idOf, turn, useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();
const INVALID = /^A message must /;
const REFUSED = /no handler|^A message must |Internal server error/;

describe('an invalid message', () => {
  const messages: [name: string, bytes: string | Buffer, reason: RegExp][] = [
    ['is not JSON', '{"event":', INVALID],
    ['is JSON null', 'null', INVALID],
    ['is a JSON string', '"event"', INVALID],
    ['is an array', '["event"]', INVALID],
    ['has no event', '{"data":1}', INVALID],
    ['is binary', Buffer.from([0xff, 0x00]), INVALID],
    ['is empty', '', INVALID],
    ['has an unknown event', '{"event":"nope"}', /no handler for the event 'nope'/],
    ['has the event __proto__', '{"event":"__proto__"}', /no handler for the event '__proto__'/],
    ['has an event that is null', '{"event":null}', /no handler/],
    ['has an event that is an object', '{"event":{"a":1}}', /no handler/],
    ['has an event that cannot become a string', '{"event":{"toString":null}}', REFUSED],
    ['has an event nested too deep', `{"event":${'['.repeat(9000)}${']'.repeat(9000)}}`, REFUSED],
  ];

  it.each(messages)(
    'that %s gives its client an `exception`, and the client stays connected',
    async (_name, bytes, reason) => {
      const server = await farm.server();
      const [client, other] = [await farm.client(server), await farm.client(server)];
      const escaped = farm.escapes();

      client.sendRaw(bytes);

      // The reply to `id` comes after the reply to the invalid message.
      await idOf(client);
      await turn();
      expect(escaped).toEqual([]);
      expect(client.dataOf('exception')).toEqual([
        { status: 'error', message: expect.stringMatching(reason) as string },
      ]);
      await delivered(server, client, other);
      expect(other.received).toHaveLength(1);
    },
  );

  it('with a long unknown event gets a reply that quotes only a short part of it', async () => {
    const client = await farm.client(await farm.server());

    client.send('x'.repeat(10_000));

    expect(JSON.stringify(await client.next('exception')).length).toBeLessThan(300);
  });
});

describe('a message that is too large', () => {
  it('closes its connection with 1009, but no other connection', async () => {
    const server = await farm.server();
    const [client, other] = [await farm.client(server), await farm.client(server)];

    client.send('say', 'x'.repeat(1024 * 1024));

    expect(await client.closed).toMatchObject({ code: 1009 });
    await delivered(server, other);
    expect(other.dataOf('said')).toEqual([]);
    expect([...server.broadcaster.localConnections]).toHaveLength(1);
  });

  it('is one of more than 1 MiB: exactly 1 MiB is still handled', async () => {
    const server = await farm.server();
    const client = await farm.client(server);
    const frame = (length: number): string => {
      const rest = JSON.stringify({ event: 'id', data: '' }).length;
      return JSON.stringify({ event: 'id', data: 'x'.repeat(length - rest) });
    };

    client.sendRaw(frame(1024 * 1024));
    await client.next('id');
    client.sendRaw(frame(1024 * 1024 + 1));

    expect(await client.closed).toMatchObject({ code: 1009 });
  });
});

it('a client that violates the WebSocket protocol is disconnected, and no other client is', async () => {
  const server = await farm.server();
  const [client, other] = [await farm.client(server), await farm.client(server)];
  const escaped = farm.escapes();

  // An unmasked frame with a reserved bit set.
  (client.socket as unknown as { _socket: { write(bytes: Buffer): void } })._socket.write(
    Buffer.from([0xf1, 0x00]),
  );

  await client.closed;
  await delivered(server, other);
  await turn();
  expect(escaped).toEqual([]);
});
