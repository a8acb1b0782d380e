import { describe, expect, it } from '@jest/globals';
import { enrollmentGroupData } from '@berth/testing';
import fc from 'fast-check';
import { type AttestationVerdict } from './admit.js';
import { type Wish } from './decide.js';
import { type DecisionsRecorded, emptyLedger, type Outcome } from './ledger.js';
import { areKeysGone, type CoveredMessage, coveredBy, recordedWish, replayPage, verdictOn } from './replay-page.js';
import { anyHistory, enrolled, founding, linked, play, type Step } from './under-test/any-history.js';
import { idScope, World } from './under-test/world.js';

/** What a page is decided again from. */
type Source = (covered: readonly CoveredMessage[], wishes: readonly Wish[]) => Replayed;
interface Replayed {
  wishes: readonly Wish[];
  verdicts: ReadonlyMap<number, AttestationVerdict>;
}

const fromMessages: Source = (_covered, wishes) => ({ wishes, verdicts: new Map() });
const fromLedger: Source = (covered) => ({
  wishes: covered.map(recordedWish),
  verdicts: new Map(covered.map((message) => [message.offset, verdictOn(message)])),
});

/** Decides every page of a history again, each after those before it. */
function replayed(steps: readonly Step[], world: World, source: Source): (DecisionsRecorded | null)[] {
  const before = new World(...founding);
  const { configuration } = before;
  const ledger = emptyLedger(0);
  const cited = (revision: number, offset: number) =>
    world.pages[revision]!.outcomes.find((outcome) => outcome.offset === offset) as Outcome;
  const next = (): DecisionsRecorded | null => {
    const revision = ledger.revision + 1;
    const stored = world.pages[revision]!;
    const { wishes, verdicts } = source(coveredBy(stored, revision, cited), world.wishes[revision]!);
    const page = replayPage(stored, wishes as [Wish, ...Wish[]], { ledger, configuration, idScope, verdicts });
    ledger.devices.settle(String(1000 + revision));
    return page;
  };
  return steps.flatMap((step) => {
    if ('event' in step) {
      before.after(step.event);
      return [];
    }
    const pages: (DecisionsRecorded | null)[] = [];
    // Wishes that came together may have taken several pages, when a webhook had to be asked or places were given back.
    for (let left = step.wishes.length; left > 0; left -= world.wishes[ledger.revision]!.length) pages.push(next());
    return pages;
  });
}

describe('a page of any history, decided again', () => {
  it.each([
    ['from its messages', fromMessages],
    ['from the ledger alone, when they are gone', fromLedger],
  ])('is the same byte for byte: %s', (_what, source) => {
    fc.assert(
      fc.property(anyHistory, (steps) => {
        const world = play(steps);
        expect(replayed(steps, world, source).map((page) => JSON.stringify(page))).toEqual(
          world.pages.map((page) => JSON.stringify(page)),
        );
      }),
      { numRuns: 200 },
    );
  });

  it('is another one when the configuration was another', () => {
    const steps: Step[] = [{ event: linked('hub-b', { weight: 9 }) }, { wishes: [{ registrationId: 'd1' }] }];
    const world = play(steps);
    const others = replayed(steps.slice(1), world, fromMessages);
    expect(others.map((page) => page?.outcomes)).not.toEqual(world.pages.map(({ outcomes }) => outcomes));
  });
});

describe('a page that cites an earlier one', () => {
  it('covers its own outcomes and those cited, in the order of the messages', () => {
    const world = new World(linked('hub-a'), enrolled('d1'), enrolled('d2'));
    world.register('d1');
    world.register('d2', 'd1', 'd2');
    const covered = coveredBy(world.pages[1]!, 1, () => world.pages[0]!.outcomes[0]!);
    expect(covered.map(({ offset, outcome }) => [offset, outcome.registrationId, outcome.offset])).toEqual([
      [1, 'd2', 1],
      [2, 'd1', 0],
      [3, 'd2', 1],
    ]);
  });
});

describe('what a page found of an attestation', () => {
  const identity = { offset: 4, registrationId: 'd1', requestId: 'w', enrollment: null } as const;
  const refused = { ...identity, type: 'RegistrationRejected', rule: null, status: 'failed', reason: 'no' } as const;

  it('is the way that the device came in by, or why nobody had proved to be it', () => {
    const placed = { deviceId: 'd1', hub: 'hub-a', rule: 0 } as const;
    const assigned: Outcome = { ...identity, ...placed, type: 'DeviceAssigned' };
    expect(verdictOn({ offset: 4, outcome: { ...assigned, enrollment: 'd1' } })).toEqual({ enrollmentGroup: null });
    const through = { ...assigned, enrollmentGroup: 'Line-7' };
    expect(verdictOn({ offset: 4, outcome: through })).toEqual({ enrollmentGroup: 'Line-7' });
    const known = { ...refused, authenticated: true, errorCode: 503000, enrollmentGroup: 'Line-7' } as const;
    expect(verdictOn({ offset: 4, outcome: known })).toEqual({ enrollmentGroup: 'Line-7' });
    const unproven = { status: 'failed', authenticated: false, errorCode: 401002, reason: 'no' } as const;
    expect(verdictOn({ offset: 4, outcome: { ...refused, ...unproven } })).toEqual({
      ...{ enrollment: null, enrollmentGroup: null },
      ...unproven,
    });
  });
});

describe('the keys that a token was checked with', () => {
  const sealed = { keyId: 'k', nonce: '', ciphertext: 'key' };
  const attestation = { type: 'symmetricKey', primary: sealed, secondary: sealed } as const;
  const dataKey = {
    type: 'DataKeyCreated',
    v: 1,
    data: { keyId: 'k', masterKeyId: '', nonce: '', wrapped: '' },
  } as const;
  const covered: CoveredMessage = {
    offset: 0,
    outcome: {
      ...{ type: 'RegistrationRejected', offset: 0, registrationId: 'D1', requestId: 'w', enrollment: 'd1' },
      ...{ rule: null, status: 'failed', authenticated: false, errorCode: 401002, reason: 'no' },
    },
  };

  it('are gone with the data key of the enrollment or the group, and with nothing else', () => {
    expect(areKeysGone(new World(dataKey, enrolled('d1', { attestation })).configuration, covered)).toBe(false);
    expect(areKeysGone(new World(enrolled('d1', { attestation })).configuration, covered)).toBe(true);
    expect(areKeysGone(new World(enrolled('d1')).configuration, covered)).toBe(false);
    expect(areKeysGone(new World().configuration, covered)).toBe(false);
    const { outcome } = covered;
    const throughGroup = { ...covered, outcome: { ...outcome, enrollment: null, enrollmentGroup: 'LINE-7' } };
    const group = {
      type: 'EnrollmentGroupCreated',
      v: 1,
      data: enrollmentGroupData('Line-7', { attestation }),
    } as const;
    expect(areKeysGone(new World(group).configuration, throughGroup)).toBe(true);
    expect(areKeysGone(new World(dataKey, group).configuration, throughGroup)).toBe(false);
    expect(areKeysGone(new World(group).configuration, covered)).toBe(false);
    // One of the two is enough to check a token with.
    const other = { ...attestation, secondary: { ...sealed, keyId: 'other' } };
    expect(areKeysGone(new World(dataKey, enrolled('d1', { attestation: other })).configuration, covered)).toBe(false);
    const swapped = { ...other, primary: other.secondary, secondary: other.primary };
    expect(areKeysGone(new World(dataKey, enrolled('d1', { attestation: swapped })).configuration, covered)).toBe(
      false,
    );
  });
});
