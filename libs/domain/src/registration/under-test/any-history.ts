import { enrollmentData } from '@berth/testing';
import fc from 'fast-check';
import { type Measurement } from '../../allocation/latency.js';
import { type EnrollmentData, type EnrollmentEvent } from '../../enrollment/enrollment.js';
import { type HubEvent, type HubLinkData } from '../../hub/hub.js';
import { type AllocationPolicy } from '../../policy/allocation-policy.js';
import { type BuiltInPolicyKind } from '../../policy/custom-allocation.js';
import { type ConfigurationEvent } from '../configuration.js';
import { type Wish } from '../decide.js';
import { anyEntranceStep, anyProofOf, bringsCertificates, entrances } from './any-entrance.js';
import { trusted, World } from './world.js';

export const linked = (name: string, change: Partial<HubLinkData> = {}): HubEvent => ({
  type: 'HubLinked',
  v: 1,
  data: { name, weight: 1, capacity: null, region: null, connection: null, ...change },
});
export const enrolled = (registrationId: string, change: Partial<EnrollmentData> = {}): EnrollmentEvent => ({
  type: 'EnrollmentCreated',
  v: 2,
  data: enrollmentData(registrationId, trusted, change),
});
export const policy = (chosen: AllocationPolicy): ConfigurationEvent => ({
  type: 'AllocationPolicyChosen',
  v: 1,
  data: { policy: chosen },
});
export const disabled = (registrationId: string): EnrollmentEvent => ({
  type: 'EnrollmentDisabled',
  v: 1,
  data: { registrationId },
});
export const enabled = (registrationId: string): EnrollmentEvent => ({
  type: 'EnrollmentEnabled',
  v: 1,
  data: { registrationId },
});

const names = ['d1', 'd2', 'd3', 'd4', 'd5', 'd6', 'd7', 'd8'] as const;
export const hubNames = ['hub-a', 'hub-b', 'hub-c'] as const;
const anyHub = fc.constantFrom(...hubNames);
const anyFallback = fc.constantFrom<BuiltInPolicyKind | null>(null, 'evenlyWeighted', 'lowestLatency', 'static');
export const asking = (fallback: BuiltInPolicyKind | null) => {
  return { webhookUrl: 'https://hooks.example.com/a?key=b', apiVersion: '2021-10-01', fallback, deadlineMs: 5000 };
};
export const anyDevice = fc.constantFrom(...names);
/** The others mostly come in their own ways. */
const anyVouchedDevice = fc.constantFrom(...names.slice(0, 5));
const anyLabels = fc.option(
  fc.subarray([
    { key: 'site', value: 'paris' },
    { key: 'tier', value: 'gold' },
  ]),
);
/** A policy of its own or none, and a list, which only `static` can't do without. */
const anyListed = fc
  .tuple(
    fc.constantFrom<BuiltInPolicyKind | null>(null, null, 'evenlyWeighted', 'lowestLatency', 'static'),
    fc.option(fc.uniqueArray(anyHub, { minLength: 1 })),
  )
  .map(([kind, hubs]) => ({ policy: kind === 'static' && !hubs ? null : kind, hubs: hubs ?? [] }));
const anyUs = fc.nat(90).map((ms) => ms * 1000);
const anyLatencies = fc.uniqueArray(fc.tuple(anyHub, anyUs, fc.integer({ min: -20, max: 1 })), {
  selector: ([hub]) => hub,
});
const minuteMs = 60_000;
/** Times are minutes from the beginning; a world's clock hardly moves, so the oldest ones are stale. */
const measured = (given: readonly (readonly [string, number, number])[]): Measurement[] =>
  given.map(([hub, us, minute]) => ({ hub, us, measuredAt: Date.UTC(2026, 0, 1) + minute * minuteMs }));
const anyReport = fc.tuple(fc.constantFrom(trusted, '/evil'), fc.nat(100), anyLatencies);
const anyWishOf = (registrationId: string): fc.Arbitrary<Partial<Wish>> =>
  fc.record(
    {
      registrationId: fc.constantFrom(registrationId, registrationId, registrationId.toUpperCase()),
      attestation: anyProofOf(registrationId),
      source: fc.constantFrom(trusted, trusted, trusted, '/evil'),
      requestId: fc.constantFrom('again', 'and again'),
      latencies: anyLatencies.map(measured),
      region: fc.constantFrom('eu', 'US'),
    },
    { requiredKeys: ['registrationId', 'attestation', 'source'] },
  );
/** To read a certificate takes a thousand times as long as anything else here. */
const anyWish = fc.oneof(
  ...names.map((name) => ({ weight: bringsCertificates(name) ? 1 : 5, arbitrary: anyWishOf(name) })),
);
export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: anyReport.map(([source, offset, given]) => ({
      event: {
        type: 'GatewayLatenciesReported',
        v: 1,
        data: { source, offset, latencies: measured(given) },
      } as ConfigurationEvent,
    })),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constantFrom('eu', 'EU', 'us'), anyLatencies).map(([region, given]) => ({
      event: {
        type: 'RegionLatenciesSet',
        v: 1,
        data: { region, latencies: given.map(([hub, us]) => ({ hub, ms: us / 1000 })) },
      } as ConfigurationEvent,
    })),
  },
  { weight: 3, arbitrary: fc.constant({ event: policy({ kind: 'lowestLatency' }) }) },
  {
    weight: 1,
    arbitrary: fc.tuple(anyHub, anyLabels).map(([name, labels]) => ({
      event: { type: 'HubLabelsChanged', v: 1, data: { name, labels: labels ?? [] } } as ConfigurationEvent,
    })),
  },
  {
    weight: 6,
    arbitrary: fc.array(anyWish, { minLength: 1, maxLength: 8 }).map((wishes) => ({ wishes })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(anyHub, fc.integer({ min: 1, max: 9 }), fc.option(fc.integer({ min: 0, max: 3 })), anyLabels)
      .map(([name, weight, capacity, labels]) => ({
        event: linked(name, { weight, capacity, ...(labels && { labels }) }),
      })),
  },
  {
    weight: 1,
    arbitrary: anyHub.map((name) => ({ event: { type: 'HubUnlinked', v: 1, data: { name } } as ConfigurationEvent })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(anyHub, fc.constantFrom('HubCordoned' as const, 'HubDrainBegun' as const, 'HubUncordoned' as const))
      .map(([name, type]) => ({ event: { type, v: 1, data: { name } } as ConfigurationEvent })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(anyVouchedDevice, anyListed, fc.boolean(), anyLabels).map(([id, listed, stay, require]) => ({
      event: enrolled(id, {
        ...listed,
        ...(require && { require }),
        reprovision: { updateHubAssignment: !stay, migrateDeviceData: stay },
      }),
    })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(anyVouchedDevice, anyFallback, fc.uniqueArray(anyHub, { minLength: 1 }), fc.boolean())
      .map(([id, fallback, hubs, stay]) => ({
        event: enrolled(id, {
          policy: 'custom',
          custom: asking(fallback),
          hubs,
          reprovision: { updateHubAssignment: !stay, migrateDeviceData: stay },
        }),
      })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(null, 'evenlyWeighted' as const, 'lowestLatency' as const).map((fallback) => ({
      event: policy({ kind: 'custom', custom: asking(fallback) }),
    })),
  },
  { weight: 1, arbitrary: anyVouchedDevice.map((id) => ({ event: disabled(id) })) },
  {
    weight: 1,
    arbitrary: fc.uniqueArray(anyHub, { minLength: 1 }).map((hubs) => ({ event: policy({ kind: 'static', hubs }) })),
  },
);
/** Wishes that come together, or a change of the configuration. */
export type Step = { wishes: Partial<Wish>[] } | { event: ConfigurationEvent };

/** What every history begins with. */
export const founding: readonly ConfigurationEvent[] = [
  linked('hub-a'),
  ...names.slice(0, 4).map((name) => enrolled(name)),
  ...entrances,
];

/** A world before the first step; webhooks answer by the message's offset. */
export function founded(): World {
  const world = new World(...founding);
  world.webhook = ({ wish: { offset } }) => {
    const payload = offset % 2 === 0 ? { payload: { offset } } : {};
    return offset % 5 === 4 ? { fault: 'answered 500' } : { hub: hubNames[offset % 3]!, ...payload };
  };
  return world;
}

export function play(steps: readonly Step[]): World {
  const world = founded();
  for (const step of steps) take(world, step);
  return world;
}

export function take(world: World, step: Step): void {
  if ('event' in step) world.after(step.event);
  else world.register(...step.wishes);
}

/** What may happen to a partition and its configuration, in any order. */
export const anyHistory: fc.Arbitrary<Step[]> = fc
  .array(
    fc.oneof(
      { weight: 5, arbitrary: anyStep.map((step) => [step]) },
      {
        weight: 1,
        arbitrary: fc.oneof(...names.map(anyEntranceStep)).map((events) => events.map((event) => ({ event }))),
      },
    ),
    { minLength: 1, maxLength: 40, size: 'max' },
  )
  .map((steps) => steps.flat());
