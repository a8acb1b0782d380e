import { beforeAll, describe, expect, it } from '@jest/globals';
import { slowStart } from './slow-start.js';
import { SimulatedFleet } from './under-test/simulated-fleet.js';

/** Of the partitions and page sizes by which devices come; BERTH_SEED repeats a run. */
const seed = Number(process.env['BERTH_SEED'] ?? Date.now() % 1_000_000);
const percent = (part: number) => `${(100 * part).toFixed(2)} %`;

beforeAll(() => console.log(`Seed ${seed}; repeat with BERTH_SEED=${seed}`));

function fleetOf(hubs: number, options: { partitions: number; allocators: number; skew?: number }): SimulatedFleet {
  const fleet = new SimulatedFleet({ seed, ...options });
  for (let hub = 0; hub < hubs; hub += 1) fleet.link(`hub-${hub}`);
  return fleet;
}

/** The widest gap between the fullest and the emptiest hub, looked for after every page from a number of devices on. */
function widestGap(fleet: SimulatedFleet, devices: number, from: number, epochDevices: number) {
  let widest = { devices: 0, part: 0, at: 0 };
  fleet.arrive(devices, epochDevices, () => {
    if (fleet.arrived < from) return;
    const { fullest, emptiest, mean } = fleet.extremes;
    if ((fullest - emptiest) / mean <= widest.part) return;
    widest = { devices: fullest - emptiest, part: (fullest - emptiest) / mean, at: fleet.arrived };
  });
  return widest;
}

describe('one allocator', () => {
  it('never lets equal hubs differ by more than one, over all its partitions', () => {
    const fleet = fleetOf(10, { partitions: 64, allocators: 1 });
    expect(widestGap(fleet, 5000, 1, 1000).devices).toBeLessThanOrEqual(1);
  });
});

describe('several allocators', () => {
  const worlds = [
    { hubs: 3, partitions: 64, allocators: 2, from: 10_000 },
    { hubs: 3, partitions: 64, allocators: 4, from: 10_000 },
    { hubs: 10, partitions: 12, allocators: 3, from: 10_000 },
    { hubs: 10, partitions: 64, allocators: 4, from: 10_000 },
    { hubs: 10, partitions: 64, allocators: 4, from: 10_000, skew: 0.4 },
    // Two devices would be 1 % of what 50 hubs have of 10,000.
    { hubs: 50, partitions: 64, allocators: 4, from: 100_000 },
  ];
  it.each(worlds)('stay within 1 % of the mean: %j', ({ hubs, from, ...options }) => {
    const fleet = fleetOf(hubs, options);
    if (from > 10_000) for (let hub = 0; hub < hubs; hub += 1) fleet.fill(`hub-${hub}`, (from - 10_000) / hubs);
    fleet.arrived = from > 10_000 ? from - 10_000 : 0;
    const gap = widestGap(fleet, 20_000, from, 1000);
    console.log(
      `Gap from fullest to emptiest, ${JSON.stringify({ hubs, ...options })}: at most ${gap.devices} devices, ${percent(gap.part)} of the mean`,
    );
    expect(gap.part).toBeLessThanOrEqual(0.01);
  });
});

describe('partitions that change hands all the time', () => {
  it('leave the spread as even', () => {
    const fleet = fleetOf(10, { partitions: 64, allocators: 4 });
    let widest = 0;
    for (let round = 0; round < 40; round += 1) {
      fleet.move();
      const { part } = widestGap(fleet, 1000, 20_000, 1000);
      widest = Math.max(widest, part);
    }
    console.log(`Gap while a partition moves with every 1,000 devices: ${percent(widest)} of the mean`);
    expect(widest).toBeLessThanOrEqual(0.01);
  });
});

describe('a new hub beside full ones', () => {
  const devices = 100_000;

  /** Half as many devices again arrive as the least that can bring the new hub level. */
  function joined(hubs: number, options: { allocators: number; skew?: number }, durationMs: number) {
    const fleet = fleetOf(hubs, { partitions: 64, ...options });
    for (let hub = 0; hub < hubs; hub += 1) fleet.fill(`hub-${hub}`, devices / hubs);
    fleet.now = 24 * 3_600_000;
    fleet.link('new');
    const linkedAt = fleet.now;
    const arrivals = Math.ceil((1.5 * devices) / hubs);
    const shares: string[] = [];
    fleet.arrive(arrivals, 100, () => {
      fleet.now = linkedAt + Math.floor((durationMs * fleet.arrived) / arrivals);
      const tenths = Math.floor((10 * fleet.arrived) / arrivals);
      if (tenths >= shares.length) shares.push(percent(fleet.load('new') / fleet.extremes.mean));
    });
    return { share: fleet.load('new') / fleet.extremes.mean, shares };
  }

  it.each([
    { hubs: 10, allocators: 1 },
    { hubs: 10, allocators: 4 },
    { hubs: 50, allocators: 1 },
    { hubs: 50, allocators: 4 },
    { hubs: 10, allocators: 4, skew: 0.4 },
  ])('has its fair share within 5 % after 1.5 times the least arrivals: %j', ({ hubs, ...options }) => {
    // The quota of the reference service, 1,000 registrations a minute, makes it 15 minutes with 10 hubs.
    const { share, shares } = joined(hubs, options, 1.5 * slowStart.windowMs);
    console.log(
      `Share of the fair one, each tenth of the way, ${JSON.stringify({ hubs, ...options })}: ${shares.join(' ')}`,
    );
    expect(Math.abs(share - 1)).toBeLessThanOrEqual(0.05);
  });

  it('is spared at first: a tenth of what it is due', () => {
    const { share } = joined(10, { allocators: 4 }, 0);
    expect(share).toBeGreaterThan(0.1);
    expect(share).toBeLessThan(0.2);
  });

  it('does not take more than its share when many arrive at once, though allocators hear from each other late', () => {
    const fleet = fleetOf(10, { partitions: 64, allocators: 4 });
    for (let hub = 0; hub < 10; hub += 1) fleet.fill(`hub-${hub}`, 10_000);
    fleet.link('new');
    let most = 0;
    fleet.arrive(40_000, 20_000, () => (most = Math.max(most, fleet.load('new') / fleet.extremes.mean)));
    console.log(`Most of a fair share while 40,000 arrive in two epochs, without slow start: ${percent(most)}`);
    expect(most).toBeLessThan(1.05);
    expect(fleet.load('new') / fleet.extremes.mean).toBeGreaterThan(0.95);
  });
});
