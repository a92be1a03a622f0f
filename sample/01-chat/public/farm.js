// The picture of the farm: what carries the messages, a wire from it to each server, and who reaches whom.

import { $, element, list } from './dom.js';
import { isConnected, world } from './world.js';

const SVG = 'http://www.w3.org/2000/svg';
const [WIDTH, HEIGHT] = [300, 116];
const TRAVEL_MS = 450;

function draw(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Redraws the picture after each welcome. */
export function showFarm() {
  const { servers } = world;
  const wires = servers.map(({ name }, index) => wire(name, ((index + 0.5) / servers.length) * WIDTH));
  const picture = draw('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, 'aria-hidden': true }, ...wires, hub());
  const names = element('div', 'servers');
  names.append(...servers.map(place));
  $('farm').replaceChildren(picture, names);
}

/** A cylinder, as stores are drawn. */
function hub() {
  const side = 'M98 18V50C98 60 202 60 202 50V18';
  const shape = draw('path', { d: `${side}C202 8 98 8 98 18`, class: 'hub' });
  const lid = draw('path', { d: 'M98 18C98 28 202 28 202 18', class: 'hub lid' });
  return draw(
    'g',
    { id: 'hub' },
    shape,
    lid,
    draw('text', { x: 150, y: 46, class: 'hub-name' }, world.carrier),
  );
}

function wire(name, x) {
  const d = `M150 58C150 88 ${x} 82 ${x} ${HEIGHT}`;
  // Where the curve is half way.
  const middle = `translate(${75 + x / 2} ${86})`;
  const own = name === world.me.server ? ' own' : '';
  return draw(
    'g',
    { class: `connection${own}`, 'data-server': name },
    draw('path', { d, class: 'wire' }),
    draw('path', { d: 'M-5-5 5 5M-5 5 5-5', transform: middle, class: 'cut' }),
    draw('path', { d, class: 'pulse', pathLength: 100 }),
  );
}

function place(server) {
  const made = element('div', 'place');
  made.dataset.server = server.name;
  const isHere = server.name === world.me.server;
  made.append(
    door(server),
    element('span', 'standing'),
    element('span', 'you', isHere ? 'you are here' : ''),
  );
  return made;
}

/** Shows which servers are cut off, and says who reaches whom. */
export function showStates() {
  for (const element of document.querySelectorAll('#farm [data-server]')) {
    const { server } = element.dataset;
    element.classList.toggle('off', !isConnected(server));
    const standing = element.querySelector('.standing');
    if (standing) standing.textContent = standingOf(server);
  }
  const names = world.servers.map(({ name }) => name);
  $('hub')?.classList.toggle('off', !names.some(isConnected));
  if ($('reach').textContent !== reach(names)) $('reach').textContent = reach(names);
}

function standingOf(server) {
  if (!world.online) return 'unknown';
  if (isConnected(server)) return 'connected';
  return world.states[server] === 'gone' ? 'not there' : 'cut off';
}

function reach(names) {
  const { carrier, online, me } = world;
  if (!online)
    return `This page has lost ${me.server || 'its server'}, so it reaches nobody and sees no changes.`;
  const connected = names.filter(isConnected);
  const off = names.filter((name) => !isConnected(name));
  if (off.length === 0) return `Every server reaches every other one through ${carrier}.`;
  if (connected.length === 0)
    return `No server reaches ${carrier}, so ${list(names)} cannot reach each other.`;
  const rest = connected.length > 1 ? ` ${list(connected)} still reach each other.` : '';
  return `${list(off)} cannot reach ${list(connected)}, and cannot be reached.${rest}`;
}

/**
 * A message runs from its server to the hub, and from there on: to this page's server, or from it to all others, or to
 * the only one that it is for. It does not run over a wire that is cut.
 */
export function showJourney(from, only) {
  const { server: here } = world.me;
  if (!isConnected(from) || only === from || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  for (const connection of document.querySelectorAll('#farm .connection')) {
    const { server } = connection.dataset;
    const isGoal = only === undefined ? server === here || from === here : server === only;
    if (server === from) travel(connection, 'reverse', 0);
    else if (isGoal && isConnected(server)) travel(connection, 'normal', TRAVEL_MS);
  }
}

function travel(connection, direction, delay) {
  const run = [
    { strokeDashoffset: 24, opacity: 1 },
    { strokeDashoffset: -100, opacity: 1 },
  ];
  connection
    .querySelector('.pulse')
    .animate(run, { duration: TRAVEL_MS, delay, direction, easing: 'ease-in-out' });
}

// --- the ways to the other servers -----------------------------------------------------------------

/** How to open the other servers, where the page has their addresses. */
export function showDoors() {
  const { me, servers } = world;
  const others = servers.filter(({ name, url }) => name !== me.server && url !== undefined);
  const doors = others.length > 0 ? others.map(door) : ['this page'];
  $('links').replaceChildren('Open ', ...doors, ' in another window and say hello.');
}

function door({ name, url }) {
  const made = element('a', 'server', name, name);
  if (name === world.me.server) made.setAttribute('aria-current', 'page');
  else if (url !== undefined)
    Object.assign(made, {
      href: url,
      target: '_blank',
      rel: 'noopener',
      title: `Open ${name} in another window`,
    });
  return made;
}
