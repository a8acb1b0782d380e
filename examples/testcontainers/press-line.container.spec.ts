// How a team tests against Berth: copy this file, `npm install --save-dev @berth/testcontainers jest`, and put your own service
// where the test speaks for the devices.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { BerthContainer, type StartedBerthContainer } from '@berth/testcontainers';

let berth: StartedBerthContainer;

beforeAll(async () => {
  berth = await new BerthContainer()
    .withHubs(['hub-north', { name: 'hub-south', weight: 2 }])
    .withEnrollments(['press-01', 'press-02', 'press-03'])
    .start();
}, 120_000);
afterAll(() => berth?.stop());

describe('the press line', () => {
  it('gets a hub for every press, twice as many on the hub of twice the weight', async () => {
    for (const press of ['press-01', 'press-02', 'press-03']) {
      await berth.register(press);
      await berth.waitForAssignment(press);
    }
    const loads = await berth.client().hubLoads();
    expect(loads.map(({ hub, devices }) => [hub, devices])).toEqual([
      ['hub-north', 1],
      ['hub-south', 2],
    ]);
  });

  it('finds a press where it was when it registers again', async () => {
    const before = await berth.waitForAssignment('press-01');
    await berth.register('press-01');
    expect(await berth.waitForAssignment('press-01')).toEqual(before);
  });

  it('asks why a press is where it is', async () => {
    const { registration } = await berth
      .client()
      .graphql<{ registration: { decision: { candidates: object[] } } }>(
        '{ registration(registrationId: "press-01") { decision { candidates { hub verdict } } } }',
      );
    expect(registration.decision.candidates).toHaveLength(2);
  });
});
