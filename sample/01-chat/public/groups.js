// The groups: which there are, and whether this page is in them.

import { $, button, element } from './dom.js';
import { showNote } from './messages.js';
import { world } from './world.js';

/** By name: `out`, `joining`, `in`, `leaving`, or `refused`, which is out and says why. */
const groups = new Map(['tea', 'jazz', 'chess'].map((group) => [group, 'out']));
let request;
let onChange;

/** @param options `request` sends `join` or `leave`; `onChange` is called when the groups of this page change */
export function startGroups(options) {
  ({ request, onChange } = options);
  show();
}

/** @returns the groups that this page is in */
export function joined() {
  return [...groups.keys()].filter((group) => groups.get(group) === 'in');
}

/** A new connection is in no group: it joins those that the one before was in. */
export function rejoin() {
  for (const [group, state] of groups) if (state === 'in' || state === 'joining') void join(group);
}

async function join(group) {
  const again = groups.get(group) === 'in';
  set(group, 'joining');
  try {
    await request('join', group);
    set(group, 'in');
    if (!again) showNote(`You joined #${group}`, world.me.server);
  } catch ({ code }) {
    // After a lost connection, the next one joins.
    if (world.online || code !== 'OUTCOME_UNKNOWN') set(group, 'refused');
  }
}

async function leave(group) {
  set(group, 'leaving');
  try {
    await request('leave', group);
    showNote(`You left #${group}`, world.me.server);
  } catch {
    // The connection is lost, and with it the membership.
  }
  set(group, 'out');
}

function toggle(group) {
  if (!world.online) return;
  const state = groups.get(group);
  if (state === 'in') void leave(group);
  else if (state !== 'joining' && state !== 'leaving') void join(group);
}

function set(group, state) {
  groups.set(group, state);
  show();
}

function show() {
  const chips = [...groups].map(([group, state]) => {
    const chip = button('chip', `#${group}`, () => toggle(group));
    chip.dataset.group = group;
    chip.setAttribute('aria-pressed', state === 'in');
    chip.setAttribute('aria-busy', state === 'joining' || state === 'leaving');
    return chip;
  });
  const focused = document.activeElement?.dataset.group;
  $('groups').replaceChildren(...chips);
  chips.find(({ dataset }) => dataset.group === focused)?.focus();
  showRefusals();
  onChange();
}

function showRefusals() {
  const refused = [...groups.keys()].filter((group) => groups.get(group) === 'refused');
  const notices = refused.map((group) => {
    const notice = element('p', 'refusal');
    const why = `You are not in #${group}. ${world.me.server} cannot join a group without ${world.carrier}. `;
    notice.append(
      element('span', '', why),
      button('retry', 'Try again', () => join(group)),
    );
    return notice;
  });
  $('refusals').replaceChildren(...notices);
}

$('new-group').onsubmit = (event) => {
  event.preventDefault();
  const group = $('group').value.trim().replace(/^#/, '');
  if (group === '' || !world.online) return;
  $('group').value = '';
  if (groups.get(group) !== 'in') toggle(group);
};
