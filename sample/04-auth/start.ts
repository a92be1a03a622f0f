import { randomBytes } from 'node:crypto';
import { Stage, type StageServer } from '../support/stage.js';

const main = new URL('./main.js', import.meta.url);
const JWT_SECRET = randomBytes(32).toString('base64url');
const ORIGIN = 'https://notes.example';

await Stage.play(async (stage) => {
  const open = (server: StageServer, token: string) =>
    stage.client(server, '/notes', { headers: { authorization: `Bearer ${token}` } });
  // One secret: a token of one server is good at all of them.
  const lima = await stage.server('Lima', main, { JWT_SECRET, ORIGIN, JWT_SECONDS: '4' });
  const perth = await stage.server('Perth', main, { JWT_SECRET, ORIGIN });

  for (const token of ['', 'forged']) {
    const refused = open(perth, token).catch((error: unknown) => error);
    console.log(`With the token "${token}": ${String(await refused)}`);
  }
  const [ada, grace] = [await login(lima, 'ada', 'lovelace'), await login(perth, 'grace', 'hopper')];
  const [phone, laptop] = [await open(lima, ada), await open(perth, ada)];
  // Grace comes by a page, whose browser sends the cookie of her login; but only the app's own page may use it.
  const openPage = (origin: string) =>
    stage.client(perth, '/notes', { headers: { cookie: `token=${grace}`, origin } });
  const foreign = openPage('https://elsewhere.example').catch((error: unknown) => error);
  console.log(`A foreign page with Grace's cookie: ${String(await foreign)}`);
  const writer = await openPage(ORIGIN);
  writer.send('note', { to: 'ada', text: 'Hello' });
  for (const [place, client] of [
    ['phone at Lima', phone],
    ['laptop at Perth', laptop],
  ] as const) {
    console.log(`Ada's ${place} received: ${JSON.stringify((await client.next('noted')).data)}`);
  }

  laptop.send('renew', await login(perth, 'ada', 'lovelace'));
  await laptop.next('renewed');
  console.log(`Ada's phone was closed when its token had expired: ${JSON.stringify(await phone.closed)}`);
  writer.send('note', { to: 'ada', text: 'Still there?' });
  console.log(`Ada's laptop has renewed: ${JSON.stringify((await laptop.next('noted')).data)}`);
});

async function login({ port }: StageServer, name: string, password: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, password }),
  });
  return ((await response.json()) as { token: string }).token;
}
