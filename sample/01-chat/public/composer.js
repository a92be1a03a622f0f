// Who the next message is for. A person is chosen for one message; everyone and a group stay chosen.

import { $, button, element, list } from './dom.js';
import { missed, reached, world } from './world.js';

const EVERYONE = { kind: 'everyone' };
let audience = EVERYONE;
/** What is chosen again after a message to one person. */
let lasting = EVERYONE;
let groups = [];

export const composer = {
  /** Called with a text and an audience. */
  onSend: undefined,
  disable(isDisabled) {
    $('send').disabled = isDisabled;
    $('wave').disabled = isDisabled;
  },
};

/** @returns `everyone`, `#tea`, `only Grace` */
export function nameOf({ kind, group, person }) {
  return { everyone: 'everyone', group: `#${group}`, person: `only ${person?.name}` }[kind];
}

/** @param joined the groups that can be chosen */
export function showAudiences(joined) {
  groups = joined;
  const isLeft = ({ kind, group }) => kind === 'group' && !groups.includes(group);
  if (isLeft(lasting)) lasting = EVERYONE;
  choose(isLeft(audience) ? lasting : audience);
}

/** Makes a person the one who gets the next message, and nobody else. */
export function composeTo(person) {
  choose({ kind: 'person', person });
  $('text').focus();
}

function choose(chosen) {
  audience = chosen;
  if (chosen.kind !== 'person') lasting = chosen;
  const all = [EVERYONE, ...groups.map((group) => ({ kind: 'group', group }))];
  const choices = all.map(choice);
  if (chosen.kind === 'person') choices.push(choice(chosen), cancel());
  const hadFocus = $('to').contains(document.activeElement);
  $('choices').replaceChildren(...choices);
  if (hadFocus) $('choices').querySelector(':checked')?.focus();
  showAudience();
}

function choice(option) {
  const label = element('label', 'choice', '', option.person?.server);
  const radio = Object.assign(document.createElement('input'), { type: 'radio', name: 'to' });
  radio.checked = nameOf(option) === nameOf(audience);
  radio.onchange = () => choose(option);
  label.append(radio, element('span', '', nameOf(option)));
  return label;
}

function cancel() {
  const made = button('cancel', '×', () => {
    choose(lasting);
    $('text').focus();
  });
  made.setAttribute('aria-label', `Not only to ${audience.person.name}`);
  return made;
}

/** Says who gets the next message, which depends on what the servers reach. */
export function showAudience() {
  const { kind, person } = audience;
  $('say').dataset.kind = kind;
  $('send-to').textContent = kind === 'person' ? ` only to ${person.name}` : ` to ${nameOf(audience)}`;
  const [text, isReduced] = world.online
    ? outlook()
    : ['This page is not connected. It can send again once it is.', true];
  $('audience').textContent = text;
  $('audience').classList.toggle('reduced', isReduced);
}

/** @returns who gets the next message, and whether that is fewer than it says */
function outlook() {
  const { kind, group, person } = audience;
  if (kind === 'person') {
    const where = `${person.name} on ${person.server}`;
    if (!reached().includes(person.server)) return [`${where} cannot be reached now.`, true];
    return [`Nobody but ${where} will get this. After it, to ${nameOf(lasting)} again.`, false];
  }
  const who = kind === 'group' ? `Members of #${group}` : 'People';
  const text = `${who} on ${list(reached())} will get this`;
  const lost = missed();
  return lost.length === 0 ? [`${text}.`, false] : [`${text}, but not those on ${list(lost)}.`, true];
}

$('text').onkeydown = ({ key }) => {
  if (key === 'Escape' && audience.kind === 'person') choose(lasting);
};

$('say').onsubmit = (event) => {
  event.preventDefault();
  const text = $('text').value.trim();
  if (text === '' || !world.online) return;
  $('text').value = '';
  composer.onSend(text, audience);
  if (audience.kind === 'person') choose(lasting);
};
