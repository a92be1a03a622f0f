import { CheckClient, type Inbox } from './check-client.js';
import type { RunningServer } from './farm.js';

const GROUP = 'tea';

/** A message, and who is to receive it, once. */
export interface Case {
  /** Unlike every other case's: it travels as the sender's name. */
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** The names of the clients. */
  readonly expected: readonly string[];
}

export interface Result extends Case {
  readonly received: number;
  readonly missing: readonly string[];
  /** Who received it without being meant, or more than once. */
  readonly unexpected: readonly string[];
}

/** What became of one case, by what every client has in its inbox. */
export function compare(expectation: Case, inboxes: ReadonlyMap<string, Inbox>): Result {
  const copies = [...inboxes].flatMap(([client, inbox]) =>
    inbox.filter((name) => name === expectation.name).map(() => client),
  );
  const missing = expectation.expected.filter((client) => !copies.includes(client));
  const unexpected = copies.filter(
    (client, index) => !expectation.expected.includes(client) || copies.indexOf(client) !== index,
  );
  return { ...expectation, received: copies.length, missing, unexpected };
}

export function passed({ missing, unexpected }: Result): boolean {
  return missing.length === 0 && unexpected.length === 0;
}

/** The lines of a table that shows every case. */
export function table(results: readonly Result[]): string[] {
  const rows = results.map((result) => [
    result.from,
    result.to,
    `${result.expected.length}`,
    `${result.received}`,
    passed(result)
      ? 'ok'
      : `FAILED${list(' missing:', result.missing)}${list(' unexpected:', result.unexpected)}`,
  ]);
  const all = [['from', 'to', 'expected', 'received', ''], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function list(title: string, names: readonly string[]): string {
  return names.length === 0 ? '' : `${title} ${names.join(', ')}`;
}

interface Sending extends Case {
  readonly send: () => void;
}

/** Two clients at each server, the first ones in a group, send to each kind of target from each server. */
export async function check(servers: readonly RunningServer[]): Promise<Result[]> {
  const connecting = servers.map(async ({ name, url }) => ({
    server: name,
    member: await CheckClient.connect(`${name} 1`, url),
    other: await CheckClient.connect(`${name} 2`, url),
  }));
  const places = await Promise.all(connecting);
  const clients = places.flatMap(({ member, other }) => [member, other]);
  try {
    // Who could not join misses what is sent to the group, and that is told below.
    await Promise.allSettled(places.map(({ member }) => member.join(GROUP)));
    const sendings = places.flatMap((place, index) =>
      casesFrom(place, places.at(index - 1) ?? place, places),
    );
    for (const { send } of sendings) send();
    await settled(clients, sendings);
    // One sender's messages arrive in order. So when a client has the markers of all servers, whatever was
    // sent to it before has arrived too, and what was not sent to it will not.
    const markers = places.map((place) => marker(place, clients));
    for (const { send } of markers) send();
    await settled(clients, markers);
    const inboxes = new Map(clients.map(({ name, inbox }) => [name, inbox]));
    const lists = await Promise.all(places.map((place) => memberList(place, places)));
    return [...[...sendings, ...markers].map((sending) => compare(sending, inboxes)), ...lists];
  } finally {
    for (const client of clients) client.close();
  }
}

interface Place {
  readonly server: string;
  readonly member: CheckClient;
  readonly other: CheckClient;
}

function casesFrom({ server, other: sender }: Place, next: Place, places: readonly Place[]): Sending[] {
  const members = places.map(({ member }) => member);
  const everyone = places.flatMap(({ member, other }) => [member, other]);
  const sending = (to: string, event: string, data: object, receivers: readonly CheckClient[]): Sending => {
    const name = `${server} to ${to}`;
    const expected = receivers.map((client) => client.name);
    return { name, from: server, to, expected, send: () => sender.send(event, { name, text: to, ...data }) };
  };
  return [
    sending('all', 'say', {}, everyone),
    sending('a group', 'say-to-group', { group: GROUP }, members),
    sending(`a connection at ${next.server}`, 'whisper', { to: next.other.address }, [next.other]),
    sending(
      'all but the sender',
      'wave',
      {},
      everyone.filter((client) => client !== sender),
    ),
  ];
}

function marker({ server, other: sender }: Place, clients: readonly CheckClient[]): Sending {
  const name = `${server} to all, at the end`;
  const expected = clients.map((client) => client.name);
  return {
    name,
    from: server,
    to: 'all, at the end',
    expected,
    send: () => sender.send('say', { name, text: name }),
  };
}

/** Who is in the group, as the page of a member shows it. */
async function memberList({ server, member }: Place, places: readonly Place[]): Promise<Result> {
  const expected = places.map((place) => place.member.name);
  const missing = () => expected.filter((name) => ![...member.members.values()].includes(name));
  await member.until(() => missing().length === 0, 'does not see all members').catch(() => undefined);
  const listed = [...member.members.values()];
  const unexpected = listed.filter(
    (name, index) => !expected.includes(name) || listed.indexOf(name) !== index,
  );
  const name = `${server} lists the members`;
  return {
    name,
    from: server,
    to: 'its list of members',
    expected,
    received: listed.length,
    missing: missing(),
    unexpected,
  };
}

/** Waits until everything expected is there; what does not come in time is for `compare` to tell. */
async function settled(clients: readonly CheckClient[], cases: readonly Case[]): Promise<void> {
  const waits = clients.map((client) => {
    const expected = cases.filter(({ expected }) => expected.includes(client.name));
    const complete = () => expected.every(({ name }) => client.inbox.includes(name));
    return client.until(complete, 'did not receive everything');
  });
  await Promise.allSettled(waits);
}
