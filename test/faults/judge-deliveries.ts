import type { ClientFacts, Emit, Facts } from './facts.js';
import type { ConnectionTarget, EmitTarget } from './load.js';

/**
 * A message in flight when a client leaves a group or closes may or may not reach it. Messages emitted less than this
 * before need not arrive. If the client's server stalled, its longest stall is added.
 */
const PARTING_MS = 1500;

/** A message that did not reach a client of another server although it should have. */
export interface Missed {
  readonly emit: Emit;
  readonly server: number;
  /** The groups through which the client should have received it. */
  readonly groups: readonly string[];
}

export interface Deliveries {
  readonly duplicates: number;
  readonly disorder: number;
  readonly undelivered: number;
  readonly belied: number;
  /** With any outcome. */
  readonly missed: readonly Missed[];
}

interface Span {
  readonly from: number;
  readonly until: number;
}

/** A client and the times during which it was in each group. */
interface Member {
  /** How long before a leave a message may still be in flight. */
  readonly partingMs: number;
  readonly facts: ClientFacts;
  readonly index: number;
  readonly got: ReadonlySet<string>;
  readonly spans: ReadonlyMap<string, readonly Span[]>;
}

export function deliveriesOf(facts: Facts): Deliveries {
  const members = facts.clients.map((client, index) => memberOf(facts, client, index));
  const result = { ...arrivals(facts.clients), undelivered: 0, belied: 0 };
  const missed: Missed[] = [];
  for (const emit of facts.emits) {
    const target = facts.targets[emit.target];
    if (!target || emit.outcome === 'failed') continue;
    for (const member of members) {
      const local = member.facts.server === emit.sender;
      if (member.got.has(keyOf(emit))) {
        if (emit.outcome === 'refused' && !local) result.belied++;
        continue;
      }
      const groups = groupsConcerned(member, target, emit, local);
      if (!groups) continue;
      if (local) result.undelivered++;
      else missed.push({ emit, server: member.facts.server, groups });
    }
  }
  return { ...result, missed };
}

/** Counts repeated and out-of-order messages. Each sender's numbers must rise at each client. */
function arrivals(clients: readonly ClientFacts[]): { duplicates: number; disorder: number } {
  let duplicates = 0;
  let disorder = 0;
  for (const { received } of clients) {
    const last = new Map<number, number>();
    const seen = new Set<string>();
    for (const message of received) {
      const key = keyOf(message);
      const before = last.get(message.sender) ?? 0;
      if (seen.has(key)) duplicates++;
      else if (message.number < before) disorder++;
      seen.add(key);
      last.set(message.sender, Math.max(before, message.number));
    }
  }
  return { duplicates, disorder };
}

function memberOf(facts: Facts, client: ClientFacts, index: number): Member {
  const spans = new Map<string, Span[]>();
  for (const { client: of, group, at, what } of facts.steps) {
    if (of !== index) continue;
    const known = spans.get(group) ?? [];
    const open = known.at(-1);
    if (what === 'joined') known.push({ from: at, until: Infinity });
    else if (open?.until === Infinity) known[known.length - 1] = { from: open.from, until: at };
    spans.set(group, known);
  }
  const partingMs = PARTING_MS + (facts.stallsMs[client.server] ?? 0);
  return { facts: client, index, partingMs, spans, got: new Set(client.received.map(keyOf)) };
}

/** The groups through which the client must get it, empty if by another target, `undefined` if it need not get it. */
function groupsConcerned(
  member: Member,
  target: EmitTarget | ConnectionTarget,
  emit: Emit,
  local: boolean,
): readonly string[] | undefined {
  const { opened, closed = Infinity, user } = member.facts;
  const last = local ? emit.call : settleOf(emit) + member.partingMs;
  const within = ({ from, until }: Span): boolean =>
    from <= emit.call && (until === Infinity || last < until);
  if (!within({ from: opened, until: closed - PARTING_MS })) return undefined;
  switch (target.kind) {
    case 'all':
      return [];
    case 'user':
      return target.name === user ? [] : undefined;
    case 'connection':
      return target.client === member.index ? [] : undefined;
    case 'groups': {
      const groups = target.names.filter((name) => member.spans.get(name)?.some(within));
      return groups.length > 0 ? groups : undefined;
    }
  }
}

function settleOf({ call, settle }: Emit): number {
  return Number.isFinite(settle) ? settle : call;
}

function keyOf({ sender, number }: { sender: number; number: number }): string {
  return `${sender}:${number}`;
}
