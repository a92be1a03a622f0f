import { expect, it } from 'vitest';
import { type Ask, GROUP, RosterRace } from '../support/roster-race.js';
import { withSeed } from '../support/seed.js';
import { useTestFarm } from '../support/test-farm.js';

const farm = useTestFarm();

const STEPS = 2000;
const CONNECTIONS = 20;

const askFarm: Ask = (server) => server.broadcaster.group(GROUP).members();

function race(ask: Ask, check: (race: RosterRace) => void): Promise<void> {
  return withSeed(async (random) => {
    const options = farm.options();
    const servers = await Promise.all([farm.server(options), farm.server(options), farm.server(options)]);
    const run = new RosterRace(farm, servers, random, ask);
    await run.run(STEPS, CONNECTIONS);
    await run.finish();
    check(run);
  });
}

it('Every connection whose join resolved before the call is listed, under random joins, leaves and closes', async () => {
  await race(askFarm, ({ wrong, required }) => {
    expect(wrong.slice(0, 10)).toEqual([]);
    expect(required).toBeGreaterThan(STEPS);
  });
}, 60_000);

it('The race notices a list that lacks the connections of other servers', async () => {
  const askOwnServer: Ask = async (server) =>
    Promise.resolve(server.broadcaster.local.group(GROUP).members());
  await race(askOwnServer, ({ wrong }) => expect(wrong.length).toBeGreaterThan(0));
}, 60_000);
