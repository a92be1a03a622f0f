// What the page shows. All that people write is put in as text, never as HTML.

import { showFarm, showJourney } from './farm.js';

export const $ = (id) => document.getElementById(id);
const KEPT_LINES = 300;

/** Every page gives a server the same colour, by its name. */
function hue(server) {
  return [...server].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 0);
}

function element(tag, className, text = '', server = undefined) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  if (server !== undefined) made.style.setProperty('--hue', hue(server));
  return made;
}

export function showServer(here, farm) {
  $('server').textContent = here;
  $('mark').textContent = here[0];
  document.title = `${here} · chat across servers`;
  document.documentElement.style.setProperty('--here', hue(here));
  const link = ({ name, url }) => {
    const made = element('a', 'server', name, name);
    if (name === here) made.setAttribute('aria-current', 'page');
    else if (url !== undefined)
      Object.assign(made, {
        href: url,
        target: '_blank',
        rel: 'noopener',
        title: `Open ${name} in another window`,
      });
    return made;
  };
  showFarm(here, farm, link);
  const others = farm.filter(({ name, url }) => name !== here && url !== undefined);
  const doors = others.length > 0 ? others.map(link) : ['this page'];
  $('links').replaceChildren('Open ', ...doors, ' in another window and say hello.');
}

export function showStatus({ state, attempt, reason }) {
  const details = {
    ready: 'all servers hear you',
    offline: 'no connection to this server, trying again',
    reconnecting: `only this server hears you (attempt ${attempt})`,
    degraded: reason,
  };
  document.body.dataset.state = state;
  $('detail').textContent = details[state] ?? '';
  // A status region is read aloud whenever it is written.
  if ($('state').textContent !== state) $('state').textContent = state;
}

/** @param groups name and whether this page is in it */
export function showGroups(groups, onToggle) {
  const chips = [...groups].map(([group, joined]) => {
    const chip = Object.assign(element('button', 'chip', `#${group}`), { type: 'button' });
    chip.setAttribute('aria-pressed', joined);
    chip.onclick = () => onToggle(group);
    return chip;
  });
  $('groups').replaceChildren(...chips);
  const joined = [...groups].filter(([, joined]) => joined).map(([group]) => group);
  const people = [...$('to').options].filter(({ value }) => value.startsWith('@'));
  const selected = $('to').value;
  $('to').replaceChildren(
    new Option('to everyone', ''),
    ...joined.map((group) => new Option(`to #${group}`, `#${group}`)),
    ...people,
  );
  $('to').value = selected;
  if ($('to').selectedIndex < 0) $('to').value = '';
}

/** Makes a person the one to whom the next message goes. */
export function whisperTo({ id, name }) {
  const value = `@${id}`;
  if (![...$('to').options].some((option) => option.value === value)) {
    $('to').append(new Option(`only to ${name}`, value));
  }
  $('to').value = value;
  $('text').focus();
}

/** @param to whom it is for, when it is not for everyone */
export function showMessage(me, from, text, to) {
  const mine = from.id === me.id;
  showJourney(from.server, me.server);
  const speaker = mine ? element('span', 'speaker', 'You') : element('button', 'speaker', from.name);
  if (!mine) Object.assign(speaker, { type: 'button', title: 'Whisper', onclick: () => whisperTo(from) });
  const head = element('p', 'meta');
  head.append(speaker, element('span', 'server', from.server, from.server));
  if (from.server !== me.server) head.append(element('span', 'route', `→ backplane → ${me.server}`));
  if (to) head.append(element('span', 'tag', to));
  const avatar = element('span', 'avatar', [...from.name][0]);
  avatar.ariaHidden = 'true';
  const body = element('div', 'body');
  body.append(head, element('p', 'text', text));
  const line = element('article', mine ? 'message mine' : 'message', '', from.server);
  line.append(avatar, body);
  append(line);
}

export function showNote(text, server) {
  const note = element('p', server ? 'note' : 'note alert');
  note.append(element('span', '', text));
  if (server) note.append(element('span', 'server', server, server));
  append(note);
}

function append(line) {
  const log = $('log');
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  $('welcome').classList.add('small');
  log.append(line);
  // The first one is the welcome.
  if (log.children.length > KEPT_LINES) log.children[1].remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}
