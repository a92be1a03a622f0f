import { HubClient } from './hub-client.js';
import { PlainClient } from './plain-client.js';

const $ = (id) => document.getElementById(id);
const kind = new URLSearchParams(location.search).get('client') ?? 'json';
const client = kind === 'plain' ? new PlainClient() : new HubClient(kind === 'msgpack');

document.querySelector(`nav a[href$="${kind}"]`).setAttribute('aria-current', 'page');
// Streams are a feature of SignalR clients.
$('streams').disabled = kind === 'plain';

function write(text, ...more) {
  const line = document.createElement('li');
  line.append(text, ...more);
  $('log').append(line);
  line.scrollIntoView();
}

/** A button that lets the server ask the author of a message. */
function askButton(id, name) {
  const button = document.createElement('button');
  button.textContent = 'Ask';
  button.onclick = () =>
    client.call('Ask', id, `${$('name').value} asks: tea?`).then(
      (answer) => write(`${name} answered: ${answer ? 'yes' : 'no'}`),
      (error) => write(error.message),
    );
  return button;
}

client.on('Said', (id, name, text) => write(`${name}: ${text}`, askButton(id, name)));
client.on('Confirm', (question) => confirm(question));
client.onState((state) => ($('state').textContent = state));

$('say').onsubmit = (event) => {
  event.preventDefault();
  client.call('Say', $('name').value, $('text').value).catch((error) => write(error.message));
  $('text').value = '';
};

let cancel;
function finish() {
  cancel = undefined;
  $('count').textContent = 'Count';
}

$('count').onclick = () => {
  if (cancel) {
    cancel();
    return finish();
  }
  $('count').textContent = 'Cancel';
  cancel = client.count(50, {
    next: (number) => ($('number').value = number),
    complete: finish,
    error: (error) => {
      write(error.message);
      finish();
    },
  });
};

$('file').onchange = async ({ target: { files } }) => {
  const words = await client.countWords(await files[0].text());
  $('words').value = `${words} words`;
};

await client.start();
$('state').textContent = 'connected';
$('server').textContent = await client.call('Where');
