import { describe, expect, it } from '@jest/globals';
import { type DecisionsRecorded, explainPage, type Outcome, registrationKey } from '@berth/domain';
import fc from 'fast-check';
import { explainGrounds, groundsOf } from './grounds.js';

const count = 130;
const name = (index: number) => `hub-${String(index).padStart(3, '0')}`;
const anyHub = fc.record({
  state: fc.constantFrom('open' as const, 'cordoned' as const),
  weight: fc.integer({ min: 1, max: 3 }),
  capacity: fc.option(fc.integer({ min: 0, max: 3 })),
  load: fc.nat(3),
  places: fc.option(fc.nat(2)),
  pass: fc.nat(1000),
});
const anyOutcome = fc.record({
  type: fc.constantFrom('DeviceAssigned', 'DeviceReassigned', 'AssignmentConfirmed', 'RegistrationRejected'),
  hub: fc.nat(count - 1).map(name),
  from: fc.nat(count + 5).map(name),
});
const anyPage = fc.record({
  hubs: fc.array(anyHub, { minLength: count, maxLength: count }),
  hasTurns: fc.boolean(),
  outcomes: fc.array(anyOutcome, { minLength: 1, maxLength: 60 }),
});

function pageOf({
  hubs,
  hasTurns,
  outcomes,
}: typeof anyPage extends fc.Arbitrary<infer P> ? P : never): DecisionsRecorded {
  return {
    ...{ generation: 1, firstOffset: 0, lastOffset: outcomes.length - 1, at: '2026-01-01T00:00:00.000Z' },
    ...{ configuration: '1', build: 5, policy: 'evenlyWeighted', hubCount: 10_000, unchanged: [] },
    hubs: hubs.map(({ places, pass, ...hub }, index) => ({
      name: name(index),
      ...hub,
      ...(hasTurns && { pass }),
      ...(hub.capacity !== null && { places }),
    })),
    ...(hasTurns && { turns: { epoch: 3, unit: 64 } }),
    rules: [{ policy: 'evenlyWeighted', source: 'default', hubs: null, updateHubAssignment: true }],
    outcomes: outcomes.map(({ type, hub, from }, offset) => {
      const registrationId = `press-${offset}`;
      const said = { type, offset, registrationId, requestId: 'r', enrollment: registrationId, rule: 0 };
      const why = { status: 'failed', authenticated: true, errorCode: 503000, reason: 'no hub can take the device' };
      if (type === 'RegistrationRejected') return { ...said, ...why } as Outcome;
      return { ...said, deviceId: registrationId, hub, ...(type === 'DeviceReassigned' && { from }) } as Outcome;
    }),
  };
}

describe('the grounds of decisions among very many hubs', () => {
  it('are kept by the page, not by each device, and explain each decision as the domain does', () => {
    fc.assert(
      fc.property(anyPage, (given) => {
        const page = pageOf(given);
        const { hubSet, rules, outcomes } = groundsOf(page);
        const stored = JSON.parse(JSON.stringify(hubSet.content)) as typeof hubSet.content;
        const explained = [...explainPage(page)];
        for (const [index, { outcome, grounds }] of [...outcomes()].entries()) {
          expect(JSON.stringify(grounds).length).toBeLessThan(120);
          const told = {
            device: registrationKey(outcome.registrationId),
            chosen: outcome.type === 'RegistrationRejected' ? null : outcome.hub,
            reason: outcome.type === 'RegistrationRejected' ? outcome.reason : null,
          };
          const content = { rule: rules.get(grounds.rule)!, hubSet: stored };
          expect(explainGrounds(grounds, content, told)).toEqual(explained[index]!.decision);
        }
      }),
      { numRuns: 30 },
    );
  });
});
