import { beforeEach, describe, expect, it } from '@jest/globals';
import { enrollmentData } from '@berth/testing';
import { LoadView } from '../allocation/load-view.js';
import { type EnrollmentData, type EnrollmentEvent } from '../enrollment/enrollment.js';
import { type HubEvent } from '../hub/hub.js';
import { type CustomAllocation } from '../policy/custom-allocation.js';
import { type WebhookAnswer } from '../webhook/webhook-answer.js';
import { resultOf, standingResultOf } from './answer.js';
import { asksAmong, asksMax } from './asks.js';
import { type Wish } from './decide.js';
import { explainPage } from './explain-page.js';
import { emptyLedger, evolveLedger, type Ledger } from './ledger.js';
import { replayPage } from './replay-page.js';
import { idScope, trusted, World } from './under-test/world.js';

const linked = (name: string, capacity: number | null = null): HubEvent => ({
  type: 'HubLinked',
  v: 1,
  data: { name, weight: 1, capacity, region: null, connection: null },
});
const asking: CustomAllocation = {
  webhookUrl: 'https://hooks.example.com/allocate?code=hush',
  apiVersion: '2021-10-01',
  fallback: null,
  deadlineMs: 5000,
};
const enrolled = (
  registrationId: string,
  change: Partial<EnrollmentData> = {},
  custom: Partial<CustomAllocation> = {},
): EnrollmentEvent => ({
  type: 'EnrollmentCreated',
  v: 2,
  data: enrollmentData(registrationId, trusted, { policy: 'custom', custom: { ...asking, ...custom }, ...change }),
});
const never = { reprovision: { updateHubAssignment: false, migrateDeviceData: true } };

describe('a device under custom', () => {
  let world: World;
  let says: WebhookAnswer;

  beforeEach(() => {
    world = new World(linked('Hub-A'), linked('hub-b'), enrolled('press'));
    says = { hub: 'hub-b' };
    world.webhook = () => says;
  });
  const outcomes = () => world.pages.at(-1)!.outcomes;
  const register = (wish: Partial<Wish> = {}) => world.register({ registrationId: 'press', ...wish })[0];
  const explained = () => [...explainPage(world.pages.at(-1)!)].at(-1)!.decision;

  it("goes to the hub that the webhook names, and is told its payload; both are recorded, without the URL's query", () => {
    says = { hub: 'HUB-B', initialTwin: { tags: { hall: 2 } }, payload: { firmware: 7 } };
    expect(register()).toMatchObject({ status: 'assigned', hub: 'hub-b', payload: { firmware: 7 } });
    expect(outcomes()).toMatchObject([{ type: 'DeviceAssigned', hub: 'hub-b', webhook: says }]);
    expect(world.pages.at(-1)!.rules).toEqual([
      {
        policy: 'custom',
        source: 'enrollment',
        hubs: null,
        updateHubAssignment: true,
        custom: { webhookUrl: 'https://hooks.example.com/allocate?***', fallback: null },
      },
    ]);
    expect(explained()).toMatchObject({
      policy: 'custom',
      policySource: 'enrollment',
      chosen: 'hub-b',
      reason: null,
      candidates: [
        { hub: 'Hub-A', verdict: 'eligible', reason: null, score: null },
        { hub: 'hub-b', verdict: 'chosen', reason: null, score: null },
      ],
      webhook: { url: 'https://hooks.example.com/allocate?***', fallback: null, fault: null, ...says },
    });
  });

  it('is asked about at each registration, with the hubs to choose from, and moves as the webhook says', () => {
    register();
    says = { hub: 'hub-a' };
    expect(register()).toMatchObject({ hub: 'Hub-A', substatus: 'deviceDataMigrated' });
    expect(register()).toMatchObject({ hub: 'Hub-A', substatus: 'deviceDataMigrated' });
    expect(outcomes()).toMatchObject([{ type: 'AssignmentConfirmed', substatus: 'deviceDataMigrated', webhook: says }]);
    expect(world.asked.map(({ present, choices }) => [present, choices])).toEqual([
      [null, ['Hub-A', 'hub-b']],
      [{ hub: 'hub-b', deviceId: 'press' }, ['Hub-A', 'hub-b']],
      [{ hub: 'Hub-A', deviceId: 'press' }, ['Hub-A', 'hub-b']],
    ]);
    expect([world.load('hub-a'), world.load('hub-b')]).toEqual([1, 0]);
  });

  it('is asked about by the device id that it has on its hub, if it still has that', () => {
    world.after(enrolled('press', { deviceId: 'P1' }));
    register();
    register();
    world.after(enrolled('press', { deviceId: 'P2' }));
    register();
    register();
    expect(world.asked.map(({ present }) => present && present.deviceId)).toEqual([null, 'P1', null, 'P2']);
    expect(world.asked.map(({ entrance }) => entrance)).toEqual(Array(4).fill({ enrollment: 'press' }));
  });

  it('is told a new payload though nothing else has changed', () => {
    register();
    says = { hub: 'hub-b', payload: { n: 2 } };
    expect(register()).toMatchObject({ hub: 'hub-b', payload: { n: 2 } });
    // A message that changes nothing later is not told what was said to another one.
    const [outcome] = outcomes();
    expect(resultOf(outcome!)).toMatchObject({ hub: 'hub-b', payload: { n: 2 } });
    expect(standingResultOf(outcome!)).toEqual({
      ...{ status: 'assigned', substatus: 'initialAssignment', hub: 'hub-b', deviceId: 'press' },
    });
    says = { hub: 'hub-b' };
    expect(register()).not.toHaveProperty('payload');
  });

  it('stays where it is if it is never provisioned again, but the webhook is asked, with that hub alone', () => {
    world.after(enrolled('press', never));
    register();
    says = { hub: 'hub-a', payload: { n: 1 } };
    expect(register()).toMatchObject({ hub: 'hub-b', payload: { n: 1 } });
    expect(world.asked.at(-1)).toMatchObject({ choices: ['hub-b'] });
  });

  it('fails with 400207 when the answer is of no use, which is recorded with it', () => {
    says = { hub: 'hub-x' };
    const fault = "named 'hub-x', which is not linked";
    const reason = `the webhook https://hooks.example.com/allocate?*** ${fault}`;
    expect(register()).toMatchObject({ status: 'failed', errorCode: 400207, reason });
    expect(outcomes()).toMatchObject([{ type: 'RegistrationRejected', authenticated: true, webhook: says }]);
    expect(explained()).toMatchObject({ policy: 'custom', chosen: null, reason, webhook: { fault, fallback: null } });
  });

  it('that fails keeps its hub in the ledger, and is told it again once the webhook answers', () => {
    register();
    says = { fault: 'answered 500' };
    expect(register()).toMatchObject({ status: 'failed' });
    expect(world.load('hub-b')).toBe(1);
    says = { hub: 'hub-b' };
    expect(register()).toMatchObject({ status: 'assigned', hub: 'hub-b', substatus: 'initialAssignment' });
    expect(world.load('hub-b')).toBe(1);
  });

  it('is counted on how often another hub was nearer, when its fallback goes by latencies', () => {
    world.after(enrolled('press', {}, { fallback: 'lowestLatency' }));
    says = { fault: 'answered 500' };
    const seen = (a: number, b: number) => ({
      latencies: [
        { hub: 'hub-a', us: a * 1000, measuredAt: world.now },
        { hub: 'hub-b', us: b * 1000, measuredAt: world.now },
      ],
    });
    expect(register(seen(10, 80))).toMatchObject({ hub: 'Hub-A' });
    expect(register(seen(80, 10))).toMatchObject({ hub: 'Hub-A' });
    expect(outcomes()).toMatchObject([{ type: 'AssignmentConfirmed', outdone: 1 }]);
    expect(register(seen(10, 80))).toMatchObject({ hub: 'Hub-A' });
    expect(outcomes()[0]).not.toHaveProperty('outdone');
    // How a device came to its hub is said again only when it was not by its initial assignment.
    expect(outcomes()[0]).not.toHaveProperty('substatus');
  });

  it('is not asked about unless it has proved who it is, and may come in', () => {
    register({ source: '/gateways/evil' });
    world.after(enrolled('press', { enabled: false }));
    register();
    expect(world.asked).toEqual([]);
  });

  it('inherits a webhook from the default policy', () => {
    const policy = { kind: 'custom', custom: asking } as const;
    world.after({ type: 'AllocationPolicyChosen', v: 1, data: { policy } });
    world.after(enrolled('press', { policy: null, custom: null }));
    expect(register()).toMatchObject({ hub: 'hub-b' });
    expect(explained()).toMatchObject({ policy: 'custom', policySource: 'default' });
    const custom = { webhookUrl: 'https://hooks.example.com/allocate?***', fallback: null };
    expect(world.pages.at(-1)!.rules).toMatchObject([{ policy: 'custom', source: 'default', custom }]);
    expect(world.asked.map((ask) => ask.custom)).toEqual([asking]);
    // Its own one comes before it.
    const own = { webhookUrl: 'https://hooks.example.com/own' };
    world.after(enrolled('press', {}, own));
    register();
    expect(world.asked.at(-1)!.custom).toEqual({ ...asking, ...own });
  });
});

describe('among several registrations', () => {
  const named = (registrationId: string) => ({ registrationId });

  it('webhooks are asked about many at once; a device that comes twice is asked about anew', () => {
    const ids = Array.from({ length: asksMax + 5 }, (_, index) => `press-${index}`);
    const world = new World(linked('hub-a'), linked('hub-b'), ...ids.map((id) => enrolled(id)));
    world.after(enrolled('plain', { policy: 'evenlyWeighted', custom: null }));
    world.webhook = ({ present }) => ({ hub: present ? 'hub-b' : 'hub-a' });
    const wishes = ['plain', 'press-0', 'press-1', 'press-0', ...ids.slice(2)].map(named);
    const hubs = world.register(...wishes).map(({ hub }) => hub);
    expect(hubs.slice(0, 4)).toEqual(['hub-a', 'hub-a', 'hub-a', 'hub-b']);
    expect(world.asked.map(({ wish: { registrationId } }) => registrationId)).toEqual([
      'press-0',
      'press-1',
      'press-0',
      ...ids.slice(2),
    ]);
    // One before anybody was asked, one up to the device that came again, then as many as are asked at once.
    expect(world.pages.map(({ outcomes }) => outcomes.length)).toEqual([1, 2, asksMax, ids.length + 1 - 2 - asksMax]);
  });

  it('only webhooks that choose are asked, and only those that have not said anything yet', () => {
    const {
      configuration,
      ledger,
      now: at,
    } = new World(
      ...[linked('hub-a'), enrolled('answered'), enrolled('asked')],
      enrolled('plain', { policy: 'evenlyWeighted', custom: null }),
    );
    const loads = new LoadView(1);
    loads.claimed(ledger);
    const wishes = ['answered', 'plain', 'asked'].map((registrationId, offset): Wish => {
      return { offset, registrationId, requestId: 'w', source: trusted, attestation: { type: 'gateway' } };
    });
    const answerOf = (offset: number) => (offset === 0 ? { hub: 'hub-a' } : undefined);
    const board = loads.boardOf(configuration);
    const asks = asksAmong(wishes, { ledger, configuration, board, idScope, at, answerOf });
    expect(asks.map(({ wish: { registrationId } }) => registrationId)).toEqual(['asked']);
  });

  it('a page is closed before answers make it more than the store takes', () => {
    const ids = Array.from({ length: 30 }, (_, index) => `press-${index}`);
    const world = new World(linked('hub-a'), ...ids.map((id) => enrolled(id)));
    world.webhook = () => ({ hub: 'hub-a', payload: { text: 'é'.repeat(15_000) } });
    world.register(...ids.map(named));
    for (const page of world.pages) expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(256 * 1024);
  });

  it('are decided again the same where a page lists but some of very many hubs', () => {
    const hubs = Array.from({ length: 150 }, (_, index) => linked(`hub-${1000 + index}`, index === 140 ? 0 : null));
    const ids = ['press-1', 'press-2', 'press-3'];
    const world = new World(...hubs, ...ids.map((id) => enrolled(id, {}, { fallback: 'evenlyWeighted' })));
    const said = ['hub-1149', 'hub-1140', 'hub-x'];
    world.webhook = ({ wish: { offset } }) => ({ hub: said[offset]! });
    expect(world.register(...ids.map(named))[0]).toMatchObject({ hub: 'hub-1149' });
    const [page] = world.pages;
    expect(page).toMatchObject({ hubCount: 150 });
    expect([...explainPage(page!)].map(({ decision }) => decision.webhook?.fault)).toEqual([
      null,
      "named 'hub-1140': the hub is full (0 of 0)",
      "named 'hub-x', which is not linked",
    ]);
    expectSameAgain(world);
  });

  it('are decided again without asking anybody, byte for byte, and the ledger folds the same', () => {
    const ids = ['press-1', 'press-2', 'press-3'];
    const world = new World(
      linked('hub-a', 2),
      linked('hub-b'),
      enrolled('press-1', {}, { fallback: 'evenlyWeighted' }),
      enrolled('press-2'),
      enrolled('press-3', never),
    );
    const said: WebhookAnswer[] = [{ fault: 'answered 500' }, { hub: 'hub-a', payload: { n: 1 } }, { hub: 'hub-x' }];
    world.webhook = ({ wish: { offset } }) => said[(offset * 7) % 3]!;
    for (let round = 0; round < 4; round += 1) world.register(...ids.map(named));
    expectSameAgain(world);
    const folded = emptyLedger(0);
    for (const [revision, data] of world.pages.entries()) {
      evolveLedger(folded, { type: 'DecisionsRecorded', v: 1, data }, { revision, position: String(1000 + revision) });
    }
    expect([...folded.devices]).toEqual([...world.ledger.devices]);
  });
});

/** Each page is decided again, and nobody is asked. */
function expectSameAgain(world: World): void {
  const ledger: Ledger = emptyLedger(0);
  for (const [revision, stored] of world.pages.entries()) {
    const wishes = stored.outcomes.map(({ offset, registrationId, requestId }): Wish => {
      return { offset, registrationId, requestId, source: trusted, attestation: { type: 'gateway' } };
    });
    const { configuration } = world;
    const context = { ledger, configuration, idScope, verdicts: new Map() };
    const again = replayPage(stored, wishes as [Wish, ...Wish[]], context);
    expect(JSON.stringify(again)).toBe(JSON.stringify(stored));
    ledger.devices.settle(String(1000 + revision));
  }
}
