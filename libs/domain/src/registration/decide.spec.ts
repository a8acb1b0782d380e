import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LoadView } from '../allocation/load-view.js';
import { GatewayTable } from '../latency/gateway-latencies.js';
import { type ConfigurationEvent, evolveConfiguration } from './configuration.js';
import { decidePage, pageOutcomesMax, settlePage, type Wish } from './decide.js';
import { type ExplainedDecision, explainPage } from './explain-page.js';
import { type DecisionsRecorded, emptyLedger, evolveLedger, type Outcome } from './ledger.js';
import { replayPage } from './replay-page.js';
import {
  anyHistory,
  asking,
  disabled,
  enabled,
  enrolled,
  founding,
  hubNames,
  linked,
  play,
  policy,
} from './under-test/any-history.js';
import { idScope, trusted, World } from './under-test/world.js';

describe('a registration', () => {
  it('puts a device on the emptier hub and says so', () => {
    const world = new World(
      linked('hub-a'),
      linked('hub-b'),
      enrolled('Press-01'),
      enrolled('press-02', { deviceId: 'P2' }),
    );
    expect(world.register('press-01', 'press-02')).toEqual([
      {
        registrationId: 'press-01',
        requestId: 'wish-0',
        status: 'assigned',
        substatus: 'initialAssignment',
        hub: 'hub-a',
        deviceId: 'Press-01',
        position: '1000',
      },
      expect.objectContaining({ registrationId: 'press-02', hub: 'hub-b', deviceId: 'P2' }),
    ]);
  });

  it('that is repeated gets the equal answer and changes nothing, in the same page or later', () => {
    const world = new World(linked('hub-a'), linked('hub-b'), enrolled('press-01'));
    const wish = { registrationId: 'press-01', requestId: 'wish' };
    const answers = [...world.register(wish, wish, wish), ...world.register(wish), ...world.register(wish)];
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(world.load('hub-a') + world.load('hub-b')).toBe(1);
    expect(world.pages.flatMap(({ outcomes }) => outcomes)).toHaveLength(1);
    expect(world.pages.flatMap(({ unchanged }) => unchanged)).toEqual(
      [1, 2, 3, 4].map((offset) => ({ offset, revision: 0, outcomeOffset: 0 })),
    );
  });

  it('of an unknown device fails', () => {
    expect(new World(linked('hub-a')).register('ghost')).toEqual([
      expect.objectContaining({ status: 'failed', errorCode: 404201, reason: expect.stringContaining("'ghost'") }),
    ]);
  });

  it('that is refused for the same reason again changes nothing; another reason is recorded', () => {
    const world = new World(linked('hub-a'));
    const ghost = { registrationId: 'ghost', requestId: 'wish' };
    const [first] = world.register(ghost);
    expect(world.register(ghost)).toEqual([first]);
    expect(world.pages.at(-1)).toMatchObject({
      outcomes: [],
      unchanged: [{ offset: 1, revision: 0, outcomeOffset: 0 }],
    });
    world.after(enrolled('ghost'), disabled('ghost'));
    expect(world.register(ghost)).toEqual([expect.objectContaining({ status: 'disabled', position: '1002' })]);
    expect(world.pages.at(-1)!.outcomes).toHaveLength(1);
    expect(world.register(ghost)).toEqual([expect.objectContaining({ status: 'disabled', position: '1002' })]);
  });

  it('without the right proof fails, and leaves the assignment alone', () => {
    const world = new World(linked('hub-a'), enrolled('press-01'));
    world.register('press-01');
    const [answer] = world.register({ registrationId: 'press-01', source: '/gateways/evil' });
    expect(answer).toMatchObject({ status: 'failed', errorCode: 401002 });
    expect(world.register('press-01')).toEqual([
      expect.objectContaining({ status: 'assigned', hub: 'hub-a', position: '1000' }),
    ]);
  });

  it('through a disabled enrollment is told so, and the device keeps its hub for when it is enabled again', () => {
    const world = new World(linked('hub-a'), enrolled('press-01'));
    world.register('press-01');
    expect(world.after(disabled('press-01')).register('press-01')).toEqual([
      {
        ...{ registrationId: 'press-01', requestId: 'wish-1', position: '1001' },
        ...{ status: 'disabled', reason: "the enrollment 'press-01' is disabled" },
      },
    ]);
    expect(world.load('hub-a')).toBe(1);
    expect(world.after(enabled('press-01')).register('press-01')).toEqual([
      expect.objectContaining({ status: 'assigned', hub: 'hub-a' }),
    ]);
    expect(world.pages.at(-1)!.outcomes).toEqual([
      expect.objectContaining({ type: 'AssignmentConfirmed', hub: 'hub-a' }),
    ]);
    expect(world.load('hub-a')).toBe(1);
  });

  it('without an open hub fails with every hub and why not', () => {
    const world = new World(linked('hub-a', { capacity: 1 }), enrolled('press-01'), enrolled('press-02'));
    world.register('press-01');
    expect(world.register('press-02')).toEqual([
      expect.objectContaining({
        status: 'failed',
        errorCode: 503000,
        reason: 'no hub can take the device (hub-a: the hub is full (1 of 1))',
      }),
    ]);
    // It is the device that was refused, not somebody else in its name.
    expect(world.pages.at(-1)!.outcomes).toMatchObject([{ type: 'RegistrationRejected', authenticated: true }]);
    world.after({ type: 'HubCapacityChanged', v: 1, data: { name: 'hub-a', capacity: 2 } });
    expect(world.register('press-02')).toEqual([expect.objectContaining({ status: 'assigned', hub: 'hub-a' })]);
  });

  it('moves a device whose hub was unlinked, with or without its data as the enrollment says', () => {
    const reset = { updateHubAssignment: true, migrateDeviceData: false };
    const world = new World(linked('hub-a'), enrolled('press-01'), enrolled('press-02', { reprovision: reset }));
    world.register('press-01', 'press-02');
    world.after(linked('hub-b'), { type: 'HubUnlinked', v: 1, data: { name: 'hub-a' } });
    expect(world.register('press-01', 'press-02')).toEqual([
      expect.objectContaining({ hub: 'hub-b', substatus: 'deviceDataMigrated' }),
      expect.objectContaining({ hub: 'hub-b', substatus: 'deviceDataReset' }),
    ]);
    expect([world.load('hub-a'), world.load('hub-b')]).toEqual([0, 2]);
  });

  it('that moves a device makes room where it was, for those who come next', () => {
    const world = new World(
      linked('hub-a', { capacity: 1 }),
      linked('hub-b'),
      enrolled('press-01', { hubs: ['hub-a'] }),
    );
    world.register('press-01');
    world.after(enrolled('press-01', { hubs: ['hub-b'] }), enrolled('press-02', { hubs: ['hub-a'] }));
    expect(world.register('press-01')).toEqual([expect.objectContaining({ hub: 'hub-b' })]);
    expect(world.register('press-02')).toEqual([expect.objectContaining({ hub: 'hub-a' })]);
    expect(world.pages.map(({ hubs }) => hubs.map(({ load }) => load))).toEqual([
      [0, 0],
      [1, 0],
      [0, 1],
    ]);
  });

  it('follows the enrollment before the default policy', () => {
    const world = new World(
      linked('hub-a'),
      linked('hub-b'),
      linked('hub-c'),
      policy({ kind: 'static', hubs: ['hub-c', 'hub-b'] }),
      enrolled('by-default'),
      enrolled('own-order', { policy: 'static', hubs: ['hub-b', 'hub-a'] }),
      enrolled('own-list', { hubs: ['hub-a', 'hub-b'] }),
      enrolled('own-policy', { policy: 'evenlyWeighted' }),
    );
    const hubs = world.register('by-default', 'own-order', 'own-list', 'own-policy').map(({ hub }) => hub);
    expect(hubs).toEqual(['hub-c', 'hub-b', 'hub-b', 'hub-a']);
    // All hubs are listed, so nothing is said of how many there are.
    expect(world.pages[0]).not.toHaveProperty('hubCount');
    const shared = { updateHubAssignment: true };
    expect(world.pages[0]!.rules).toEqual([
      { policy: 'static', source: 'default', hubs: ['hub-c', 'hub-b'], ...shared },
      { policy: 'static', source: 'enrollment', hubs: ['hub-b', 'hub-a'], ...shared },
      { policy: 'static', source: 'default', hubs: ['hub-b'], ...shared },
      { policy: 'evenlyWeighted', source: 'enrollment', hubs: null, ...shared },
    ]);
  });

  it('goes to a hub with the labels that its enrollment requires, as they are now', () => {
    const paris = [{ key: 'site', value: 'paris' }];
    const world = new World(
      linked('hub-a', { labels: [...paris, { key: 'tier', value: 'gold' }] }),
      linked('hub-b'),
      linked('hub-c', { labels: paris, capacity: 1 }),
      enrolled('press-01', { require: paris }),
      enrolled('press-02', { require: paris }),
      enrolled('press-03'),
    );
    expect(world.register('press-01', 'press-02', 'press-03').map(({ hub }) => hub)).toEqual([
      'hub-a',
      'hub-c',
      'hub-b',
    ]);
    const { hubs, rules } = world.pages[0]!;
    expect(hubs.map(({ labels }) => labels)).toEqual([[0], undefined, [0]]);
    expect(rules.map(({ require }) => require)).toEqual([paris, undefined]);
    world.after({ type: 'HubLabelsChanged', v: 1, data: { name: 'hub-a', labels: [] } });
    expect(world.register('press-01')).toEqual([expect.objectContaining({ status: 'assigned', hub: 'hub-a' })]);
    world.after({ type: 'HubLabelsChanged', v: 1, data: { name: 'hub-b', labels: paris } });
    expect(world.register('press-01')).toEqual([expect.objectContaining({ hub: 'hub-b' })]);
    world.after({
      type: 'EnrollmentTermsChanged',
      v: 1,
      data: { registrationId: 'press-01', changed: { require: [] } },
    });
    expect(world.register('press-01')).toEqual([expect.objectContaining({ hub: 'hub-b' })]);
  });

  it('among very many hubs explains a device that stays by the hub it stays on', () => {
    const many = Array.from({ length: 150 }, (_, index) => linked(`hub-${String(index).padStart(3, '0')}`));
    const world = new World(...many, enrolled('press-01', { hubs: ['hub-149'] }), enrolled('press-02'));
    world.register('press-01');
    world.after(disabled('press-01')).register('press-01');
    world.after(enrolled('press-01', { policy: 'evenlyWeighted' })).register('press-01', 'press-02');
    const page = world.pages.at(-1)!;
    expect(page.outcomes).toMatchObject([{ type: 'AssignmentConfirmed', hub: 'hub-149' }, { hub: 'hub-000' }]);
    const [stays] = [...explainPage(page)];
    expect(
      stays!.decision.candidates.filter(({ verdict }) => verdict === 'kept' || verdict === 'chosen'),
    ).toMatchObject([{ hub: 'hub-149', verdict: 'kept' }]);
    world.register('press-01');
    expect(world.pages.at(-1)).toMatchObject({ outcomes: [], unchanged: [{ offset: 4 }] });
    expect(world.pages.at(-1)!.hubs.map(({ name }) => name)).toContain('hub-149');
  });

  it('among very many hubs lists all that an enrollment names, for it is decided again between them', () => {
    const many = Array.from({ length: 150 }, (_, index) => linked(`hub-${String(index).padStart(3, '0')}`));
    const world = new World(...many, enrolled('press-01', { hubs: ['hub-149', 'HUB-140', 'hub-gone'] }));
    world.register('press-01');
    const names = world.pages[0]!.hubs.map(({ name }) => name);
    expect(names).toHaveLength(100);
    expect(names.slice(-2)).toEqual(['hub-140', 'hub-149']);
  });

  it('among very many hubs lists those whose latencies it went by, for an explanation compares them', () => {
    const many = Array.from({ length: 150 }, (_, index) => linked(`hub-${String(index).padStart(3, '0')}`));
    const world = new World(...many, policy({ kind: 'lowestLatency' }), enrolled('press-01'));
    const latencies = [
      { hub: 'hub-140', us: 10_000, measuredAt: world.now },
      { hub: 'hub-149', us: 90_000, measuredAt: world.now },
    ];
    world.register({ registrationId: 'press-01', latencies });
    const [explained] = [...explainPage(world.pages[0]!)];
    const measured = explained!.decision.candidates.filter(({ latency }) => latency);
    expect(measured.map(({ hub, verdict }) => [hub, verdict])).toEqual([
      ['hub-140', 'chosen'],
      ['hub-149', 'farther'],
    ]);
  });

  it('states once what devices of a region go by, with the hubs of their rule, and lists those', () => {
    const many = Array.from({ length: 150 }, (_, index) => linked(`hub-${String(index).padStart(3, '0')}`));
    const eu: ConfigurationEvent = {
      type: 'RegionLatenciesSet',
      v: 1,
      data: { region: 'EU', latencies: ['hub-140', 'hub-149'].map((hub, index) => ({ hub, ms: 10 + 80 * index })) },
    };
    const ids = ['press-01', 'press-02', 'press-03', 'listed'];
    const listed = enrolled('listed', { hubs: ['hub-149', 'hub-001'] });
    const all = [...ids.slice(0, 3).map((id) => enrolled(id)), listed];
    const world = new World(...many, policy({ kind: 'lowestLatency' }), eu, ...all);
    const near = [{ hub: 'hub-120', us: 1_000, measuredAt: world.now }];
    const wishes = ids.map((registrationId) => ({
      registrationId,
      region: 'eu',
      ...(registrationId === 'press-03' && { latencies: near }),
    }));
    expect(world.register(...wishes).map(({ hub }) => hub)).toEqual(['hub-140', 'hub-140', 'hub-120', 'hub-149']);
    expect(world.pages[0]).toMatchObject({
      latencyTables: [
        [
          ['hub-140', 10_000, 'region'],
          ['hub-149', 90_000, 'region'],
        ],
        [['hub-149', 90_000, 'region']],
      ],
      outcomes: [
        { latencyTable: 0 },
        { latencyTable: 0 },
        { latencyTable: 0, latencies: [['hub-120', 1_000]] },
        { latencyTable: 1 },
      ],
    });
    const explained = [...explainPage(world.pages[0]!)].map(({ decision: { candidates } }) =>
      candidates.flatMap(({ hub, verdict, latency }) => (latency ? `${hub} ${verdict} ${latency.ms}` : [])),
    );
    const byTable = ['hub-140 chosen 10', 'hub-149 farther 90'];
    expect(explained).toEqual([
      byTable,
      byTable,
      ['hub-120 chosen 1', 'hub-140 farther 10', 'hub-149 farther 90'],
      ['hub-149 chosen 90'],
    ]);
    // What changes nothing states nothing.
    world.register(...wishes.slice(0, 2));
    expect(world.pages[1]).toMatchObject({ outcomes: [] });
    expect(world.pages[1]).not.toHaveProperty('latencyTables');
  });

  it('closes a page before it grows beyond what the store takes', () => {
    const world = new World(linked('hub-a'));
    const many = Array.from({ length: 3000 }, (_, index) => `ghost-${index}`);
    expect(world.register(...many)).toHaveLength(pageOutcomesMax);
    const wide = Array.from({ length: 1000 }, (_, index) => ({
      registrationId: `wide-${index}`,
      requestId: 'é'.repeat(1000),
    }));
    expect(world.register(...wide).length).toBeLessThan(200);
    for (const page of world.pages) expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(512 * 1024);
  });

  describe('among very many hubs', () => {
    const storable = 1024 * 1024;
    const namesOf = (length: number) =>
      Array.from({ length: 1512 }, (_, index) => `${index}`.padStart(4, '0') + 'h'.repeat(length - 4));
    const hubsOf = (names: readonly string[]) => names.map((name) => linked(name, { capacity: 1_000_000 }));
    const devices = (count: number) => Array.from({ length: count }, (_, index) => `press-${index}`);
    const sizes = ({ pages }: World) => pages.map((page) => Buffer.byteLength(JSON.stringify(page)));
    function registerAll(world: World, ...wishes: (string | Partial<Wish>)[]): void {
      for (let done = 0; done < wishes.length;) done += world.register(...wishes.slice(done)).length;
    }

    it.each([60, 253])(
      'closes a page before its rules grow beyond what the store takes, names of %i characters',
      (length) => {
        const names = namesOf(length);
        const hubs = hubsOf(names);
        const lists = devices(32).map((id, index) =>
          enrolled(id, { hubs: [...names.slice(index, 1000), ...names.slice(0, index)] }),
        );
        const world = new World(
          ...hubs,
          ...lists,
          ...devices(600)
            .slice(32)
            .map((id) => enrolled(id)),
        );
        registerAll(world, ...devices(600).toReversed());
        expect(world.pages.flatMap(({ outcomes }) => outcomes)).toHaveLength(600);
        expect(Math.max(...sizes(world))).toBeLessThan(storable);
        // Lists that fit beside each other stand in one page.
        const short = devices(12).map((id, index) => enrolled(id, { hubs: names.slice(index, index + 2) }));
        const together = new World(...hubs, ...short);
        registerAll(together, ...devices(12));
        expect(together.pages.map(({ rules }) => rules.length)).toEqual([12]);
      },
    );

    it('closes a page before its latencies grow beyond it', () => {
      const names = namesOf(253);
      const latencies = names.map((hub, index) => ({ hub, us: 1_000_000 + index, measuredAt: Date.UTC(2026, 0, 1) }));
      const all = devices(442).map((id) => enrolled(id));
      const world = new World(...hubsOf(names), policy({ kind: 'lowestLatency' }), ...all);
      const measured = (registrationId: string) => ({ registrationId, latencies });
      registerAll(world, ...devices(440), measured('press-440'), measured('press-441'));
      expect(world.pages.flatMap(({ outcomes }) => outcomes)).toHaveLength(442);
      expect(Math.max(...sizes(world))).toBeLessThan(storable);
    });

    it('closes a page before the tables of regions and the reports of gateways grow beyond it', () => {
      const names = namesOf(253);
      const regions = Array.from({ length: 4 }, (_, region): ConfigurationEvent => {
        const latencies = names.slice(0, 1000).map((hub, index) => ({ hub, ms: 1000 + region + index }));
        return { type: 'RegionLatenciesSet', v: 1, data: { region: `region-${region}`, latencies } };
      });
      const measuredAt = Date.UTC(2026, 0, 1);
      const measured = names.slice(1000).map((hub, index) => ({ hub, us: 1_000_000 + index, measuredAt }));
      const report: ConfigurationEvent = {
        type: 'GatewayLatenciesReported',
        v: 1,
        data: { source: trusted, offset: 0, latencies: measured },
      };
      const all = devices(400).map((id) => enrolled(id));
      const world = new World(...hubsOf(names), policy({ kind: 'lowestLatency' }), report, ...regions, ...all);
      const wishes = devices(400).map((registrationId, index) => ({
        registrationId,
        ...(index > 340 && { region: `region-${index % 4}` }),
        ...(index === 399 && { latencies: measured }),
      }));
      registerAll(world, ...wishes);
      expect(world.pages.flatMap(({ outcomes }) => outcomes)).toHaveLength(400);
      expect(Math.max(...sizes(world))).toBeLessThan(storable);
    });

    it('fits the devices of a region with a thousand hubs into a page', () => {
      const names = namesOf(8).slice(0, 1000);
      const latencies = names.map((hub, index) => ({ hub, ms: index }));
      const eu: ConfigurationEvent = { type: 'RegionLatenciesSet', v: 1, data: { region: 'eu', latencies } };
      const all = devices(400).map((id) => enrolled(id));
      const world = new World(...hubsOf(names), policy({ kind: 'lowestLatency' }), eu, ...all);
      registerAll(world, ...devices(400).map((registrationId) => ({ registrationId, region: 'eu' })));
      expect(world.pages).toHaveLength(1);
      expect(sizes(world)[0]).toBeLessThan(512 * 1024);
    });
  });
});

describe('a hub on which places are still to be had', () => {
  const toHub = (name: string) => ({ policy: 'static' as const, hubs: [name] });
  const custom = { policy: 'custom' as const, custom: asking(null) };
  const bounded = { capacity: 9 };
  const { configuration } = new World(
    ...[linked('free'), linked('hub-a', bounded), linked('hub-b', bounded), linked('hub-c', bounded)],
    ...[enrolled('lucky', toHub('free')), enrolled('listed', toHub('Hub-A')), enrolled('asked', custom)],
    ...['one', 'two', 'three'].map((id) => enrolled(id, { hubs: ['hub-a', 'hub-b', 'hub-c'] })),
  );
  const ledger = emptyLedger(0);
  const loads = new LoadView(1);
  loads.claimed(ledger);

  /** @param places in hand on every hub that has a capacity. */
  function decide(places: number | null, first: string, ...others: string[]) {
    const wishOf = (registrationId: string, index: number): Wish => {
      const requestId = `${registrationId} with ${places}`;
      const offset = ledger.lastOffset + 1 + index;
      return { offset, registrationId, requestId, source: trusted, attestation: { type: 'gateway' } };
    };
    const { page, short, isUnasked } = decidePage([wishOf(first, 0), ...others.map((id, at) => wishOf(id, at + 1))], {
      ...{ ledger, configuration, configurationPosition: '1', board: loads.boardOf(configuration) },
      ...{ leases: { places: () => places, filled: () => undefined }, idScope, at: 0 },
      answerOf: () => ({ hub: 'hub-a' }),
    });
    if (page) settlePage(ledger, page, '1');
    return { decided: page?.decided.map(({ result: { hub } }) => hub) ?? null, short, isUnasked };
  }

  it('ends the page before the first device that would go there, and is said to be wanted', () => {
    const [nobody, lucky] = [
      { decided: null, isUnasked: false },
      { decided: ['free'], isUnasked: false },
    ];
    expect(decide(null, 'listed')).toEqual({ ...nobody, short: ['hub-a'] });
    expect(decide(null, 'listed', 'lucky')).toMatchObject(nobody);
    expect(ledger).toMatchObject({ lastOffset: -1, revision: -1 });
    expect(decide(null, 'lucky', 'listed')).toEqual({ ...lucky, short: ['hub-a'] });
    expect(decide(null, 'lucky', 'listed', 'lucky')).toMatchObject(lucky);
    expect(decide(null, 'asked')).toEqual({ ...nobody, short: ['hub-a'] });
    expect(decide(null, 'lucky')).toEqual({ ...lucky, short: [] });
  });

  it('is wanted with others that have their turn soon, as many as devices wait', () => {
    expect(decide(null, 'one').short).toEqual(['hub-a']);
    expect(decide(null, 'lucky', 'one', 'two').short).toHaveLength(2);
    expect(decide(null, 'one', 'two', 'three').short).toHaveLength(3);
  });

  it('keeps nobody waiting who is on it', () => {
    expect(decide(1, 'listed').decided).toEqual(['hub-a']);
    expect(decide(1, 'asked').decided).toEqual(['hub-a']);
    expect(decide(null, 'listed', 'asked')).toEqual({ decided: ['hub-a', 'hub-a'], short: [], isUnasked: false });
  });

  it('keeps waiting who is on another hub and would move there, until there is a place', () => {
    const after = (...events: ConfigurationEvent[]) => {
      for (const event of events) evolveConfiguration(configuration, event, { position: '1', at: 0 });
    };
    after(enrolled('mover', toHub('free')), enrolled('sent', toHub('free')));
    expect(decide(null, 'mover', 'sent').decided).toEqual(['free', 'free']);
    after(enrolled('mover', toHub('hub-a')), enrolled('sent', custom));
    for (const id of ['mover', 'sent']) {
      expect(decide(null, id)).toEqual({ decided: null, short: ['hub-a'], isUnasked: false });
    }
    expect(decide(2, 'mover', 'sent').decided).toEqual(['hub-a', 'hub-a']);
  });

  it('waits for a webhook where nobody can have asked it', () => {
    const wish = { offset: ledger.lastOffset + 1, registrationId: 'asked', requestId: 'w', source: trusted } as const;
    const { page, isUnasked } = decidePage([{ ...wish, attestation: { type: 'gateway' } }], {
      ...{ ledger, configuration, configurationPosition: '1', board: loads.boardOf(configuration) },
      ...{ leases: { places: () => null, filled: () => undefined }, idScope, at: 0 },
    });
    expect([page, isUnasked]).toEqual([null, true]);
  });
});

describe('a page of one of several allocators', () => {
  it('says how its turns count, and where each hub stands; of one that has all partitions nobody needs to be told', () => {
    const { configuration } = new World(linked('hub-a'), enrolled('press'));
    const turnsWith = (...partitions: number[]) => {
      const ledger = emptyLedger(0);
      const loads = new LoadView(2);
      for (const partition of partitions) loads.claimed({ ...ledger, partition });
      const attestation = { type: 'gateway' } as const;
      const { page } = decidePage(
        [{ offset: 0, registrationId: 'press', requestId: 'w', source: trusted, attestation }],
        {
          ...{ ledger, configuration, configurationPosition: '1', board: loads.boardOf(configuration) },
          ...{ leases: { places: () => null, filled: () => undefined }, idScope, at: 0 },
        },
      );
      return [page!.data.turns, page!.data.hubs.map(({ pass }) => typeof pass)];
    };
    expect(turnsWith(0)).toEqual([{ epoch: 1, unit: 128 }, ['number']]);
    expect(turnsWith(0, 1)).toEqual([undefined, ['undefined']]);
  });
});

describe('in any history', () => {
  it('folding the stored pages gives the ledger that decided them', () => {
    fc.assert(
      fc.property(anyHistory, (steps) => {
        const world = play(steps);
        const folded = emptyLedger(0);
        for (const [revision, page] of world.pages.entries()) {
          const stored = JSON.parse(JSON.stringify(page)) as DecisionsRecorded;
          evolveLedger(
            folded,
            { type: 'DecisionsRecorded', v: 1, data: stored },
            { revision, position: String(1000 + revision) },
          );
        }
        expect({ ...folded, devices: [...folded.devices] }).toEqual({
          ...world.ledger,
          devices: [...world.ledger.devices],
        });
      }),
      { numRuns: 300 },
    );
  });

  it('the same inputs give byte-equal pages', () => {
    fc.assert(
      fc.property(anyHistory, (steps) => {
        expect(JSON.stringify(play(steps).pages)).toBe(JSON.stringify(play(steps).pages));
      }),
      { numRuns: 100 },
    );
  });

  it('a page is decided again from itself, byte for byte, when the reports of gateways are gone', () => {
    fc.assert(
      fc.property(anyHistory, (steps) => {
        const world = new World(...founding);
        const ledger = emptyLedger(0);
        let offset = 0;
        for (const step of steps) {
          if ('event' in step) {
            world.after(step.event);
            continue;
          }
          const wishes = step.wishes.map((wish): Wish => {
            const attestation = { type: 'gateway' } as const;
            const own = { offset: offset++, registrationId: 'x', source: trusted, attestation };
            return { ...own, requestId: `wish-${offset}`, ...wish };
          });
          const before = world.pages.length;
          world.register(...wishes);
          for (const stored of world.pages.slice(before)) {
            const covered = wishes.filter(
              (wish) => wish.offset >= stored.firstOffset && wish.offset <= stored.lastOffset,
            );
            const again = replayPage(stored, covered as [Wish, ...Wish[]], {
              ledger,
              configuration: { ...world.configuration, gateways: new GatewayTable() },
              idScope,
              verdicts: new Map(),
            });
            expect(JSON.stringify(again)).toBe(JSON.stringify(stored));
            ledger.devices.settle(String(1000 + ledger.revision));
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('every message has one outcome, loads count devices, and each explanation comes to the recorded hub', () => {
    const explained = new Set<string>();
    fc.assert(
      fc.property(anyHistory, (steps) => {
        const world = play(steps);
        const offsets = world.pages.flatMap(({ outcomes, unchanged }) =>
          [...outcomes, ...unchanged].map(({ offset }) => offset),
        );
        expect(offsets.sort((a, b) => a - b)).toEqual(offsets.map((_, index) => index));

        const counted = new Map<string, number>();
        for (const [, { assigned }] of world.ledger.devices) {
          if (assigned) counted.set(assigned.hub, (counted.get(assigned.hub) ?? 0) + 1);
        }
        for (const name of hubNames) expect(world.load(name)).toBe(counted.get(name) ?? 0);

        for (const page of world.pages) {
          for (const { outcome, decision } of explainPage(page)) {
            const named = decision.candidates.filter(({ verdict }) => verdict === 'chosen' || verdict === 'kept');
            expect(named.map(({ hub }) => hub)).toEqual(outcome.type === 'RegistrationRejected' ? [] : [outcome.hub]);
            for (const ground of groundsOf(page, outcome, decision)) explained.add(ground);
          }
        }
      }),
      { numRuns: 300 },
    );
    // Or the worlds would not have been as random as they are meant to be.
    const policies = ['custom', 'evenlyWeighted', 'fallback', 'lowestLatency', 'static'];
    expect([...explained].sort()).toEqual([...policies, 'gateway', 'labels', 'list', 'region', 'registration'].sort());
  });
});

/** What led a device to its hub. */
function groundsOf(
  { rules, latencyTables }: DecisionsRecorded,
  outcome: Outcome,
  { policy: kind, webhook }: ExplainedDecision,
): string[] {
  if (outcome.type === 'RegistrationRejected') return [];
  const { hubs, require } = rules[outcome.rule]!;
  return [
    kind,
    ...(webhook?.fallback ? ['fallback'] : []),
    ...(hubs ? ['list'] : []),
    ...(require ? ['labels'] : []),
    ...(outcome.latencies ?? []).map(() => 'registration'),
    ...(latencyTables?.[outcome.latencyTable ?? -1] ?? []).map(([, , from]) => from as string),
  ];
}
