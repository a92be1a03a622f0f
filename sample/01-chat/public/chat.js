import { connect } from './client.js';
import { composeTo, composer, showAudience, showAudiences } from './composer.js';
import { $, hue } from './dom.js';
import { showDoors, showFarm, showStates } from './farm.js';
import { joined, rejoin, startGroups } from './groups.js';
import { showMembers, updateMembers } from './members.js';
import { isNew, outgoing, showMessage, showNote, showWave } from './messages.js';
import { world } from './world.js';

const person = localStorage.getItem('person') ?? crypto.randomUUID();
localStorage.setItem('person', person);

const chat = connect(`${location.protocol.replace('http', 'ws')}//${location.host}/chat?person=${person}`, {
  // A message that was not sent gets a button to send it again, so none waits unseen.
  queue: 0,
  reconnect: { maxDelay: 10_000 },
  onConnect: rejoin,
});

chat.onStatus(({ state }) => {
  world.online = state === 'connected';
  composer.disable(!world.online);
  if (!world.online) showStatus({ state: 'offline' });
});

const handlers = {
  welcome({ id, server, farm, states, status, carrier }) {
    const servers = farm.length > 0 ? farm : [{ name: server }];
    Object.assign(world, { me: { id, server }, servers, states, carrier });
    showServer(server);
    showFarm();
    showDoors();
    showStatus(status);
  },
  status(status) {
    if (world.online) showStatus(status);
  },
  states(states) {
    // This page's own server has told it more recently.
    const { server } = world.me;
    world.states = { ...states, [server]: world.states[server] };
    showReach();
  },
  said(message) {
    if (isNew(message)) showMessage(message, composeTo);
  },
  waved(wave) {
    if (isNew(wave)) showWave(wave);
  },
  joined({ from, group }) {
    if (from.id !== world.me.id) showNote(`${from.name} joined #${group}`, from.server);
  },
  left({ from, group }) {
    if (from.id !== world.me.id) showNote(`${from.name} left #${group}`, from.server);
  },
  presence: updateMembers,
};
for (const [event, handle] of Object.entries(handlers)) chat.on(event, handle);

// --- this server -----------------------------------------------------------------------------------

function showServer(server) {
  $('server').textContent = server;
  $('mark').textContent = server[0];
  document.title = `${server} · chat across servers`;
  document.documentElement.style.setProperty('--here', hue(server));
}

function showStatus({ state, reason }) {
  const { server } = world.me;
  const details = {
    ready: 'all servers hear you',
    offline: `no connection to ${server || 'this server'}, trying again`,
    reconnecting: `only ${server} hears you`,
    degraded: reason,
  };
  if (state !== 'offline') world.states[server] = state;
  document.body.dataset.state = state;
  $('detail').textContent = details[state] ?? '';
  // A status region is read aloud whenever it is written.
  if ($('state').textContent !== state) $('state').textContent = state;
  showReach();
}

function showReach() {
  showStates();
  showAudience();
}

// --- the name --------------------------------------------------------------------------------------

function name() {
  return $('name').value.trim() || 'Someone';
}

function randomName() {
  const pick = (words) => words[Math.floor(Math.random() * words.length)];
  const first = pick(['Merry', 'Quiet', 'Swift', 'Sunny', 'Clever', 'Gentle', 'Bold', 'Lucky']);
  return `${first} ${pick(['Otter', 'Finch', 'Maple', 'Badger', 'Heron', 'Fox', 'Willow', 'Lynx'])}`;
}

function keepName() {
  $('name').value = name();
  localStorage.setItem('name', name());
}

$('name').value = localStorage.getItem('name') ?? randomName();
$('name').onchange = () => {
  keepName();
  if (world.online) chat.emit('rename', { name: name() });
};
keepName();

// --- groups and talking ----------------------------------------------------------------------------

startGroups({
  request: (event, group) => chat.invoke(event, { name: name(), group }),
  onChange: () => {
    showAudiences(joined());
    showMembers(joined());
  },
});

composer.onSend = (text, audience) => {
  const targets = { everyone: ['say'], group: ['say-to-group'], person: ['whisper'] };
  const [event] = targets[audience.kind];
  const to = { group: { group: audience.group }, person: { to: audience.person?.id } }[audience.kind];
  outgoing({ text, audience, send: (key) => chat.invoke(event, { key, name: name(), text, ...to }) }, name());
};

$('wave').onclick = () => {
  outgoing(
    { audience: { kind: 'others' }, send: (key) => chat.invoke('wave', { key, name: name() }) },
    name(),
  );
};
