// Who is in the groups of this page, and on which server.

import { $, element } from './dom.js';

/** By group: its members by key, and how many there are. */
const known = new Map();
let shown = [];

/** @param groups those that this page is in */
export function showMembers(groups) {
  shown = groups;
  $('members').replaceChildren(...groups.filter((group) => known.has(group)).map(membersOf));
}

/** Applies what a server says about a group. A snapshot replaces what was known. */
export function updateMembers({ group, isSnapshot, members, left, count }) {
  const before = isSnapshot ? [] : (known.get(group)?.members ?? []);
  const now = new Map(before);
  for (const member of members) now.set(member.key, member);
  for (const key of left) now.delete(key);
  known.set(group, { members: now, count });
  showMembers(shown);
}

function membersOf(group) {
  const { members, count } = known.get(group);
  const made = element('div', 'room');
  const list = element('ul', 'members');
  list.ariaLabel = `Members of #${group}`;
  list.append(...[...members.values()].map(member));
  made.append(element('h2', '', `In #${group}: ${count}`), list);
  return made;
}

function member({ serverIds, data }) {
  const { name = 'Someone', server = '' } = data ?? {};
  const line = element('li', 'member');
  line.append(element('span', 'member-name', name), element('span', 'server', server, server));
  // The one with the latest change is named.
  if (serverIds.length > 1) line.append(` +${serverIds.length - 1}`);
  return line;
}
