import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { assigned, confirmed, disabled, History, reassigned, refused, unproven } from './under-test/histories.js';
import { type Opened, openedIn, temporaryFolder } from './under-test/opened.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let opened: Opened;
let history: History;

beforeEach(async () => {
  folder = await temporaryFolder();
  opened = await openedIn(folder.path);
  history = new History();
});

afterEach(async () => {
  await opened.close();
  await folder.remove();
});

const project = () => opened.projecting.apply(history.events, history.position);

describe('registrations', () => {
  it('shows a device with its hub and the decision that put it there', async () => {
    history.decide([assigned('Press-01', 'hub-a')]);
    await project();
    expect(await opened.readModel.registration('press-01')).toEqual({
      registrationId: 'Press-01',
      status: 'assigned',
      substatus: 'initialAssignment',
      deviceId: 'Press-01',
      hub: 'hub-a',
      enrollment: 'Press-01',
      errorCode: null,
      reason: null,
      createdAt: '2026-01-01T00:00:00.000Z',
      updatedAt: '2026-01-01T00:00:00.000Z',
      decision: {
        policy: 'evenlyWeighted',
        policySource: 'default',
        chosen: 'hub-a',
        reason: null,
        position: '100',
        at: '2026-01-01T00:00:00.000Z',
        candidates: [
          { hub: 'hub-a', verdict: 'chosen', reason: null, score: '1/2' },
          { hub: 'hub-b', verdict: 'eligible', reason: null, score: '1/2' },
          { hub: 'hub-c', verdict: 'eligible', reason: null, score: '1/2' },
        ],
      },
      rejected: null,
    });
  });
});
void [confirmed, disabled, reassigned, refused, unproven];
