// The lines of the chat, and what became of the messages that this page sends.

import { $, button, element } from './dom.js';
import { showJourney } from './farm.js';
import { recordLatency } from './latency.js';
import { world } from './world.js';

const KEPT_LINES = 300;
const KEPT_KEYS = 2000;
const CLOCK = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

/** The keys of messages shown: a message that is sent again is shown once. */
const seen = new Set();
let sent = 0;
/** Whether the newest line is kept in view. */
let isFollowing = true;

export function isNew({ key }) {
  if (seen.has(key)) return false;
  seen.add(key);
  if (seen.size > KEPT_KEYS) seen.delete(seen.values().next().value);
  return true;
}

// --- what others send ------------------------------------------------------------------------------

/** @param onSpeaker called with the person whose name is clicked */
export function showMessage({ from, text, group, whispered, at }, onSpeaker) {
  const speaker = button('speaker', from.name, () => onSpeaker(from));
  speaker.title = `Write only to ${from.name}`;
  const tag = whispered ? 'only to you' : group && `#${group}`;
  append(bubble(speaker, from, text, tag, arrival(from, at)));
  showJourney(from.server);
}

export function showWave({ from, at }) {
  append(note(`${from.name} waves to everyone else`, from.server, arrival(from, at)));
  showJourney(from.server);
}

/** When a message came, and how long it took from its server to this page. All servers of the demo share a clock. */
function arrival({ server }, at) {
  const ms = Math.max(0, Date.now() - at);
  const isRemote = server !== world.me.server;
  if (isRemote) recordLatency(ms, server);
  const foot = element('p', 'foot');
  foot.append(
    clock(at),
    ' · ',
    element('span', 'latency', duration(ms)),
    isRemote ? ` through ${world.carrier}` : ' on this server',
  );
  return foot;
}

// --- what this page sends --------------------------------------------------------------------------

/**
 * Shows a message at once, and under it what became of it. One that failed can be sent again.
 *
 * @param message `text`, unless it is a wave; the `audience`; `send`, which gets the message's key
 * @param name this person's
 */
export function outgoing({ text, audience, send }, name) {
  const { me } = world;
  const key = `${me.id}-${++sent}`;
  isNew({ key });
  const foot = element('p', 'foot');
  const from = { ...me, name };
  const tag = { group: `#${audience.group}`, person: `only to ${audience.person?.name}` }[audience.kind];
  const line =
    text === undefined
      ? note('You wave to everyone else', me.server, foot)
      : bubble(element('span', 'speaker', 'You'), from, text, tag, foot);
  line.classList.add('mine');
  isFollowing = true;
  append(line);
  void deliver({ key, audience, send, foot, line });
}

async function deliver({ key, audience, send, foot, line }) {
  const begin = performance.now();
  const time = clock(Date.now());
  line.classList.remove('failed');
  foot.replaceChildren(time, ' · sending …');
  try {
    await send(key);
    const took = element('span', 'latency', duration(performance.now() - begin));
    foot.replaceChildren(time, ' · ✓ confirmed in ', took);
    showJourney(world.me.server, audience.person?.server);
  } catch (failure) {
    const retry = button('retry', 'Retry', () => {
      $('text').focus();
      void deliver({ key, audience, send, foot, line });
    });
    line.classList.add('failed');
    foot.replaceChildren(time, ' · ', element('span', 'reason', reason(failure, audience)), retry);
  }
  scrollOn();
}

function reason({ code, message, data }, { kind, group, person }) {
  const { server } = world.me;
  const here = kind === 'group' ? `members of #${group} on ${server}` : `people on ${server}`;
  const texts = {
    NotPublishedError: kind === 'person' ? `${person.name} did not get it.` : `Only ${here} got it.`,
    PublishOutcomeUnknownError:
      kind === 'person' ? `${person.name} may not have got it.` : `Only ${here} got it for certain.`,
    NOT_SENT: 'Not sent: there is no connection.',
    OUTCOME_UNKNOWN: world.online
      ? `${server} has not confirmed it.`
      : `The connection was lost before ${server} confirmed it.`,
  };
  return texts[data?.error] ?? texts[code] ?? message;
}

// --- lines -----------------------------------------------------------------------------------------

export function showNote(text, server) {
  append(note(text, server));
}

function note(text, server, ...foot) {
  const made = element('div', 'note');
  made.append(element('span', '', text), element('span', 'server', server, server), ...foot);
  return made;
}

function bubble(speaker, from, text, tag, foot) {
  const head = element('p', 'meta');
  head.append(speaker, element('span', 'server', from.server, from.server));
  const { server } = world.me;
  if (from.server !== server) head.append(element('span', 'route', `→ ${world.carrier} → ${server}`));
  if (tag) head.append(element('span', 'tag', tag));
  const avatar = element('span', 'avatar', [...from.name][0]);
  avatar.ariaHidden = 'true';
  const body = element('div', 'body');
  body.append(head, element('p', 'text', text), foot);
  const line = element('article', 'message', '', from.server);
  line.append(avatar, body);
  return line;
}

function clock(at) {
  const time = element('time', '', CLOCK.format(at));
  time.dateTime = new Date(at).toISOString();
  return time;
}

function duration(ms) {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 1 ? '< 1 ms' : `${Math.round(ms)} ms`;
}

function append(line) {
  const log = $('log');
  $('welcome').classList.add('small');
  log.append(line);
  // The first one is the welcome.
  if (log.children.length > KEPT_LINES) log.children[1].remove();
  scrollOn();
}

function scrollOn() {
  const log = $('log');
  if (isFollowing) log.scrollTop = log.scrollHeight;
}

// Whoever reads further up is left there.
$('log').onscroll = () => {
  const { scrollHeight, scrollTop, clientHeight } = $('log');
  isFollowing = scrollHeight - scrollTop - clientHeight < 80;
};
