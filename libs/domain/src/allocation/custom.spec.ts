import { describe, expect, it } from '@jest/globals';
import { type WebhookAnswer } from '../webhook/webhook-answer.js';
import { allocate, type AllocationRule, explain } from './allocate.js';
import { choicesIn, explainWebhook, follow, refusalOf } from './custom.js';
import { type HubBoard } from './hub-board.js';
import { boardOf, evenly, hub, on } from './under-test/hubs.js';

const webhookUrl = 'https://hooks.example.com/allocate?***';
const asked: AllocationRule = { ...evenly, policy: 'custom', custom: { webhookUrl, fallback: null } };
const stuck: AllocationRule = { ...asked, updateHubAssignment: false };
const answered = (answer: WebhookAnswer | undefined, present: string | null = null) => ({ ...on(present), answer });
const verdicts = (rule: AllocationRule, board: HubBoard, answer: WebhookAnswer, present: string | null = null) =>
  explain(rule, board, answered(answer, present)).map(({ verdict }) => verdict);

describe('custom', () => {
  it('takes the hub that the webhook named, however it is spelled, and has no figures for any', () => {
    const board = boardOf(hub('a'), hub('B', { load: 9 }));
    const placing = answered({ hub: 'b' });
    expect(follow(asked, board, placing)).toEqual({ rule: asked, fault: null });
    expect(allocate(asked, board, placing)!.name).toBe('B');
    expect(explain(asked, board, placing)).toMatchObject([
      { hub: 'a', verdict: 'eligible', score: null },
      { hub: 'B', verdict: 'chosen', score: null },
    ]);
  });

  it('moves a device to the hub that is named now', () => {
    expect(allocate(asked, boardOf(hub('a'), hub('b')), answered({ hub: 'b' }, 'a'))!.name).toBe('b');
  });

  const board = boardOf(
    hub('a'),
    hub('b', { state: 'cordoned' }),
    hub('c'),
    hub('d', { state: 'draining' }),
    hub('full', { capacity: 2, load: 2 }),
  );
  it.each<[string, WebhookAnswer | undefined, string]>([
    ['no answer', { fault: 'answered 500' }, 'answered 500'],
    ['nobody asked', undefined, 'was not asked'],
    ['a hub that is not linked', { hub: 'x' }, "named 'x', which is not linked"],
    ['a hub outside the list', { hub: 'C' }, "named 'C', which is not among the enrollment's hubs"],
    ['a cordoned hub', { hub: 'B' }, "named 'B': the hub is cordoned"],
    ['a draining hub', { hub: 'd' }, "named 'd': the hub is draining"],
    ['a full hub', { hub: 'full' }, "named 'full': the hub is full (2 of 2)"],
  ])('finds %s of no use, and says why', (_what, answer, fault) => {
    const rule = { ...asked, hubs: ['A', 'b', 'x', 'd', 'full'] };
    expect(follow(rule, board, { answer, present: null })).toEqual({ rule: null, fault });
    expect(refusalOf(rule, fault)).toBe(`the webhook ${webhookUrl} ${fault}`);
    expect(explain(rule, board, answered(answer)).filter(({ verdict }) => verdict === 'chosen')).toEqual([]);
    expect(choicesIn(rule, board, null)).toEqual(['a']);
  });

  it('leaves a device on a cordoned or full hub when told so, not on one that drains', () => {
    const stays = (change: Parameters<typeof hub>[1]) =>
      follow(asked, boardOf(hub('a', change), hub('b')), { answer: { hub: 'a' }, present: 'A' }).fault;
    expect(stays({ state: 'cordoned' })).toBeNull();
    expect(stays({ capacity: 1, load: 1 })).toBeNull();
    expect(stays({ state: 'draining' })).toBe("named 'a': the hub is draining");
  });

  it('goes to no hub without the labels that are required', () => {
    const line = [{ key: 'line', value: '7' }];
    const labelled = boardOf(hub('a', { labels: line }), hub('b'));
    const rule = { ...asked, require: line };
    expect(follow(rule, labelled, { answer: { hub: 'b' }, present: null })).toEqual({
      rule: null,
      fault: "named 'b': the hub lacks the label line=7",
    });
    expect(verdicts(rule, labelled, { hub: 'b' })).toEqual(['eligible', 'lacksLabels']);
    expect(follow(rule, labelled, { answer: { hub: 'a' }, present: null }).fault).toBeNull();
    expect(choicesIn(rule, labelled, null)).toEqual(['a']);
  });

  it('spares no hub that starts slowly', () => {
    const board = boardOf(hub('a', { warmth: 0 }), hub('b'));
    expect(verdicts(evenly, board, { hub: 'b' })).toEqual(['slowStart', 'chosen']);
    expect(verdicts(asked, board, { hub: 'b' })).toEqual(['eligible', 'chosen']);
  });

  it('never moves a device whose enrollment says so, whatever is answered', () => {
    const two = boardOf(hub('a'), hub('b'));
    for (const [answer, fault] of [
      [{ hub: 'a' }, null],
      [{ hub: 'x' }, null],
      [{ fault: 'answered 503' }, 'answered 503'],
    ] as const) {
      expect(follow(stuck, two, { answer, present: 'b' })).toEqual({ rule: stuck, fault });
      expect(allocate(stuck, two, answered(answer, 'b'))!.name).toBe('b');
    }
    // Where the hub is gone there is something to choose again.
    expect(follow(stuck, two, { answer: { hub: 'x' }, present: 'gone' }).fault).toBe("named 'x', which is not linked");
  });
});

describe('the fallback of custom', () => {
  const inOrder: AllocationRule = { ...asked, hubs: ['b', 'a'], custom: { webhookUrl, fallback: 'static' } };
  const board = boardOf(hub('a'), hub('b'));

  it('chooses where the answer is of no use, and nowhere else', () => {
    const { rule, fault } = follow(inOrder, board, { answer: { fault: 'answered 500' }, present: null });
    expect([rule, fault]).toEqual([{ ...inOrder, policy: 'static' }, 'answered 500']);
    expect(follow(inOrder, board, { answer: { hub: 'a' }, present: null }).rule).toBe(inOrder);
    expect(explain(inOrder, board, answered({ fault: 'answered 500' }))).toMatchObject([
      { hub: 'b', verdict: 'chosen', score: '1' },
      { hub: 'a', verdict: 'eligible', score: '2' },
    ]);
  });

  it('is the very same rule each time, so that what is kept by rules is found again', () => {
    const stand = () => follow(inOrder, board, { answer: { fault: 'answered 500' }, present: null }).rule;
    expect(stand()).toBe(stand());
  });
});

describe('the choices that a webhook is offered', () => {
  const board = boardOf(
    hub('Hub-A', { state: 'cordoned' }),
    hub('hub-b'),
    hub('hub-c', { capacity: 1, load: 1 }),
    hub('hub-d', { state: 'draining' }),
    hub('hub-e', { capacity: 2, load: 1 }),
  );

  it('are the hubs that take devices and, unless it drains, the one where the device is', () => {
    expect(choicesIn(asked, board, null)).toEqual(['hub-b', 'hub-e']);
    expect(choicesIn(asked, board, 'hub-a')).toEqual(['Hub-A', 'hub-b', 'hub-e']);
    expect(choicesIn(asked, board, 'hub-c')).toEqual(['hub-b', 'hub-c', 'hub-e']);
    expect(choicesIn(asked, board, 'hub-d')).toEqual(['hub-b', 'hub-e']);
  });

  it('are those of the list, in its order', () => {
    expect(choicesIn({ ...asked, hubs: ['hub-e', 'HUB-B', 'gone', 'hub-c'] }, board, null)).toEqual(['hub-e', 'hub-b']);
  });

  it('are the hub that the device is on, where it stays anyway', () => {
    expect(choicesIn(stuck, board, 'hub-d')).toEqual(['hub-d']);
    expect(choicesIn(stuck, board, null)).toEqual(['hub-b', 'hub-e']);
  });
});

describe("a webhook's part in a decision", () => {
  const board = boardOf(hub('a'), hub('b'));
  const nothing = { url: webhookUrl, hub: null, initialTwin: null, payload: null, fault: null, fallback: null };

  it('is what it said, why that was of no use, and what chose instead', () => {
    const said = { hub: 'b', initialTwin: { tags: {} }, payload: { n: 1 } };
    expect(explainWebhook(asked, board, answered(said))).toEqual({ ...nothing, ...said });
    const fault = "named 'x', which is not linked";
    expect(explainWebhook(asked, board, answered({ hub: 'x' }))).toEqual({ ...nothing, hub: 'x', fault });
    const fallback = 'evenlyWeighted';
    const helped: AllocationRule = { ...asked, custom: { webhookUrl, fallback } };
    const failed = answered({ fault: 'answered 500' });
    expect(explainWebhook(helped, board, failed)).toEqual({ ...nothing, fault: 'answered 500', fallback });
    expect(explainWebhook({ ...helped, updateHubAssignment: false }, board, { ...failed, present: 'a' })).toEqual({
      ...nothing,
      fault: 'answered 500',
    });
  });

  it('is none where it was not asked', () => {
    expect(explainWebhook(asked, board, answered(undefined))).toBeNull();
  });
});
