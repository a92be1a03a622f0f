import { connect } from './reconnect.js';
import { $, showGroups, showMessage, showNote, showServer, showStatus } from './view.js';

let me = { id: '', server: '' };
let online = false;
/** By name: whether this page wants to be in the group, and whether its server has confirmed it. */
const groups = new Map(['tea', 'jazz', 'chess'].map((name) => [name, { wanted: false, joined: false }]));

const send = connect(`${location.protocol.replace('http', 'ws')}//${location.host}/chat`, {
  onEvent: ({ event, data }) => handlers[event]?.(data),
  onOnline(isOnline) {
    online = isOnline;
    for (const button of document.querySelectorAll('.composer button')) button.disabled = !isOnline;
    if (!isOnline) showStatus({ state: 'offline' });
  },
  rejoin(send) {
    for (const [group, { wanted }] of groups) if (wanted) send('join', { name: name(), group });
  },
});

const handlers = {
  welcome({ id, server, farm, status }) {
    me = { id, server };
    showServer(server, farm);
    showStatus(status);
  },
  status(status) {
    if (online) showStatus(status);
  },
  said({ from, text, group, whispered }) {
    showMessage(me, from, text, whispered ? 'only to you' : group && `#${group}`);
  },
  waved({ from }) {
    showNote(`${from.name} waves to everyone`, from.server);
  },
  joined({ from, group }) {
    if (from.id !== me.id) return showNote(`${from.name} joined #${group}`, from.server);
    const again = groups.get(group).joined;
    groups.set(group, { wanted: true, joined: true });
    refreshGroups();
    if (!again) showNote(`You joined #${group}`, from.server);
  },
  left({ from, group }) {
    showNote(`${from.id === me.id ? 'You' : from.name} left #${group}`, from.server);
  },
  exception({ message, cause }) {
    if (cause?.pattern === 'join') groups.set(cause.data.group, { wanted: false, joined: false });
    refreshGroups();
    showNote(message);
  },
};

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
$('name').onchange = keepName;
keepName();

// --- groups ------------------------------------------------------------------------------------------

function refreshGroups() {
  showGroups(new Map([...groups].map(([name, { joined }]) => [name, joined])), toggleGroup);
}

function toggleGroup(group) {
  if (!online) return;
  const wanted = !groups.get(group)?.wanted;
  groups.set(group, { wanted, joined: false });
  send(wanted ? 'join' : 'leave', { name: name(), group });
  refreshGroups();
}

$('new-group').onsubmit = (event) => {
  event.preventDefault();
  const group = $('group').value.trim().replace(/^#/, '');
  $('group').value = '';
  if (group !== '' && !groups.get(group)?.wanted) toggleGroup(group);
};

// --- talking -----------------------------------------------------------------------------------------

$('say').onsubmit = (event) => {
  event.preventDefault();
  const text = $('text').value.trim();
  if (text === '' || !online) return;
  const message = { name: name(), text };
  const to = $('to').value;
  if (to.startsWith('#')) send('say-to-group', { ...message, group: to.slice(1) });
  else if (to.startsWith('@')) {
    send('whisper', { ...message, to: to.slice(1) });
    showMessage(me, { ...me, name: name() }, text, $('to').selectedOptions[0].text);
  } else send('say', message);
  $('text').value = '';
};

$('wave').onclick = () => {
  send('wave', { name: name() });
  showNote('You wave to everyone else', me.server);
};

refreshGroups();
