import { beforeEach, describe, expect, it } from '@jest/globals';
import { enrollmentData } from '@berth/testing';
import { measurementsOf } from '../allocation/latency.js';
import { emptyLedger, evolveLedger } from './ledger.js';
import { explainPage } from './explain-page.js';
import { trusted, World } from './under-test/world.js';

const hourMs = 3_600_000;
const linked = (name: string) => ({
  type: 'HubLinked' as const,
  v: 1 as const,
  data: { name, weight: 1, capacity: null, region: null, connection: null },
});

/* How long a device puts up with a hub that another outdoes: kept in its ledger, and in nothing else. */
describe('a device under lowestLatency', () => {
  let world: World;

  beforeEach(() => {
    world = new World(
      linked('near'),
      linked('far'),
      { type: 'AllocationPolicyChosen', v: 1, data: { policy: { kind: 'lowestLatency' } } },
      { type: 'EnrollmentCreated', v: 2, data: enrollmentData('press', trusted) },
    );
  });

  const look = (near: number | null, far: number | null, change: { requestId?: string } = {}) => {
    const seen = { ...(near !== null && { near: { ms: near } }), ...(far !== null && { far: { ms: far } }) };
    const [answer] = world.register({ registrationId: 'press', latencies: measurementsOf(seen, world.now), ...change });
    return answer;
  };
  const outcomes = () => world.pages.at(-1)!.outcomes;

  it('is placed by what its message says, which is recorded', () => {
    expect(look(80, 10)).toMatchObject({ hub: 'far' });
    expect(outcomes()).toMatchObject([
      {
        type: 'DeviceAssigned',
        latencies: [
          ['near', 80_000],
          ['far', 10_000],
        ],
      },
    ]);
  });

  it('is placed somewhere when nothing is known, and nothing is recorded then', () => {
    expect(look(null, null)).toMatchObject({ status: 'assigned', hub: 'far' });
    expect(outcomes()[0]).not.toHaveProperty('latencies');
  });

  it('is placed by other things, and nothing of latencies is recorded, as soon as its policy is another', () => {
    look(80, 10);
    world.after({ type: 'AllocationPolicyChosen', v: 1, data: { policy: { kind: 'evenlyWeighted' } } });
    world.pass(25 * hourMs);
    for (let time = 0; time < 5; time += 1) {
      expect(look(10, 80)?.hub).toBe('far');
      expect(outcomes()).toEqual([]);
    }
    world.after({ type: 'EnrollmentCreated', v: 2, data: enrollmentData('lathe', trusted) });
    const latencies = measurementsOf({ far: { ms: 1 } }, world.now);
    expect(world.register({ registrationId: 'lathe', latencies })[0]?.hub).toBe('near');
    expect(outcomes()[0]).not.toHaveProperty('latencies');
  });

  it('leaves once it has been outdone three times in a row, and has been there for a day', () => {
    look(10, 80);
    world.pass(25 * hourMs);
    expect([look(80, 10)?.hub, look(80, 10)?.hub]).toEqual(['near', 'near']);
    expect(outcomes()).toMatchObject([{ type: 'AssignmentConfirmed', outdone: 2 }]);
    expect(look(80, 10)).toMatchObject({ hub: 'far', substatus: 'deviceDataMigrated' });
    expect(outcomes()).toMatchObject([{ type: 'DeviceReassigned', from: 'near' }]);
    expect(outcomes()[0]).not.toHaveProperty('outdone');
    expect([world.load('near'), world.load('far')]).toEqual([0, 1]);
  });

  it('waits out the day before it leaves, and records nothing meanwhile', () => {
    look(10, 80);
    for (let time = 0; time < 3; time += 1) expect(look(80, 10)?.hub).toBe('near');
    expect(outcomes()).toMatchObject([{ outdone: 3 }]);
    expect(look(80, 10)?.hub).toBe('near');
    expect(outcomes()).toEqual([]);
    world.pass(24 * hourMs);
    expect(look(80, 10)?.hub).toBe('far');
    // Then the day begins anew.
    for (let time = 0; time < 5; time += 1) expect(look(10, 80)?.hub).toBe('far');
  });

  it('begins to count anew when it was not outdone', () => {
    look(10, 80);
    world.pass(25 * hourMs);
    for (const [near, far] of [
      [80, 10],
      [80, 10],
      [80, 70],
      [80, 10],
      [80, 10],
    ] as const) {
      expect(look(near, far)?.hub).toBe('near');
      // Counted while it goes on, and not at all once it has ended.
      expect(outcomes()[0]).toHaveProperty('type', 'AssignmentConfirmed');
      expect('outdone' in outcomes()[0]!).toBe(far === 10);
    }
    expect(look(80, 10)?.hub).toBe('far');
  });

  it('is not moved by the same message again, nor by one that says nothing', () => {
    look(10, 80);
    world.pass(25 * hourMs);
    look(80, 10, { requestId: 'one' });
    for (let time = 0; time < 5; time += 1) {
      expect(look(80, 10, { requestId: 'one' })?.hub).toBe('near');
      expect(outcomes()).toEqual([]);
      look(null, 10);
      expect(outcomes()).toEqual([]);
    }
    look(80, 10);
    expect(look(80, 10)?.hub).toBe('far');
  });

  it('is placed by what its gateway reported, else by the table of its region, and both are recorded as such', () => {
    world.after(
      {
        type: 'GatewayLatenciesReported',
        v: 1,
        data: { source: trusted, offset: 3, latencies: measurementsOf({ near: { ms: 90 } }, world.now) },
      },
      {
        type: 'RegionLatenciesSet',
        v: 1,
        data: {
          region: 'EU',
          latencies: [
            { hub: 'Far', ms: 50 },
            { hub: 'near', ms: 1 },
          ],
        },
      },
    );
    const [answer] = world.register({ registrationId: 'press', region: 'eu' });
    expect(answer).toMatchObject({ hub: 'far' });
    expect(world.pages.at(-1)).toMatchObject({
      latencyTables: [
        [
          ['near', 90_000, 'gateway'],
          ['far', 50_000, 'region'],
        ],
      ],
      outcomes: [{ latencyTable: 0 }],
    });
    const [explained] = [...explainPage(world.pages.at(-1)!)];
    expect(explained!.decision.candidates).toMatchObject([
      { hub: 'far', verdict: 'chosen', score: '50 ms, turn 1/2', latency: { ms: 50, from: 'region' } },
      { hub: 'near', verdict: 'farther', latency: { ms: 90, from: 'gateway' } },
    ]);
    // Once the report is stale the table speaks for that hub too, and patience goes on as ever.
    world.pass(25 * hourMs);
    const again = () => world.register({ registrationId: 'press', region: 'eu' })[0]?.hub;
    expect([again(), again(), again()]).toEqual(['far', 'far', 'near']);
  });

  it('is the same in a ledger folded from zero, and its decisions are explained as they were made', () => {
    look(10, 80);
    world.pass(25 * hourMs);
    for (let time = 0; time < 3; time += 1) look(80, 10);
    look(80, 10);
    const folded = emptyLedger(0);
    for (const [revision, data] of world.pages.entries()) {
      const position = String(1000 + revision);
      evolveLedger(folded, { type: 'DecisionsRecorded', v: 1, data }, { revision, position });
      for (const { outcome, decision } of explainPage(data)) {
        const { hub } = decision.candidates.find(({ verdict }) => verdict === 'chosen' || verdict === 'kept')!;
        expect([hub, decision.policy]).toEqual(['hub' in outcome && outcome.hub, 'lowestLatency']);
      }
    }
    expect(folded.devices.get('press')).toEqual(world.ledger.devices.get('press'));
  });
});
