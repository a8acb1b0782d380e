import { describe, expect, it } from '@jest/globals';
import { HubBoard } from '../allocation/hub-board.js';
import { emptyLedger, evolveLedger, type Ledger, recordOutcome, type RegistrationRejected } from './ledger.js';
import { decideRelease, releaseResult, type ReleaseEvent } from './release.js';

const at = Date.UTC(2026, 0, 1);

/** One partition's ledger, with devices put there as a page would. */
class World {
  ledger: Ledger = emptyLedger(0);
  readonly moved: [string, number][] = [];
  readonly events: ReleaseEvent[] = [];
  private readonly board = new HubBoard([], { tell: (hub, change) => void this.moved.push([hub, change]) });
  private offset = 0;

  assign(registrationId: string, hub: string): this {
    const placed = { enrollment: registrationId, deviceId: registrationId, hub, rule: 0 };
    const identity = { offset: this.offset++, registrationId, requestId: 'wish' };
    recordOutcome(this.ledger, { type: 'DeviceAssigned', ...identity, ...placed }, (this.ledger.revision += 1), 0);
    return this;
  }

  refuse(registrationId: string): this {
    const refusal: RegistrationRejected = {
      type: 'RegistrationRejected',
      offset: this.offset++,
      registrationId,
      requestId: 'wish',
      status: 'failed',
      authenticated: false,
      enrollment: null,
      errorCode: 404201,
      reason: 'unknown',
      rule: null,
    };
    recordOutcome(this.ledger, refusal, (this.ledger.revision += 1), 0);
    return this;
  }

  release(registrationId: string, requestId = 'r1'): ReleaseEvent {
    const wish = { offset: this.offset++, registrationId, requestId, actor: 'ops' };
    const event = decideRelease(wish, { ledger: this.ledger, board: this.board, at });
    this.events.push(event);
    this.ledger.devices.settle('1');
    return event;
  }
}

describe('a release', () => {
  it('takes the device off its hub and forgets it, whoever spelled its name how', () => {
    const world = new World().assign('Press-01', 'Hub-A').assign('press-02', 'hub-a');
    expect(world.release('PRESS-01')).toEqual({
      type: 'RegistrationReleased',
      v: 1,
      data: {
        generation: 0,
        offset: 2,
        at: '2026-01-01T00:00:00.000Z',
        registrationId: 'PRESS-01',
        requestId: 'r1',
        actor: 'ops',
        hub: 'Hub-A',
      },
    });
    expect(world.ledger.loads.get('hub-a')).toBe(1);
    expect(world.moved).toEqual([['hub-a', -1]]);
    expect(world.ledger.devices.get('press-01')).toMatchObject({ assigned: null, refused: null });
    expect(world.ledger).toMatchObject({ lastOffset: 2, revision: 2 });
  });

  it('forgets what a device was refused for, too, and has no hub to name then', () => {
    const world = new World().refuse('ghost');
    expect(world.release('ghost')).toMatchObject({ type: 'RegistrationReleased', data: { hub: null } });
    expect(world.moved).toEqual([]);
  });

  it('of a device that has no record is refused', () => {
    const world = new World();
    const refused = world.release('ghost');
    expect(refused).toMatchObject({ type: 'ReleaseRefused', data: { offset: 0, registrationId: 'ghost' } });
    expect(releaseResult(refused)).toEqual({
      status: 'failed',
      errorCode: 404202,
      reason: "there is no registration 'ghost'",
    });
    expect(world.ledger.lastOffset).toBe(0);
    expect(world.ledger.devices.get('ghost')).toBeUndefined();
  });

  it('that is repeated says the same again and changes nothing; another one finds no record', () => {
    const world = new World().assign('press-01', 'hub-a');
    const first = world.release('press-01');
    const repeat = world.release('press-01');
    expect(repeat.data).toEqual({ ...first.data, offset: 2, repeats: 1 });
    expect(releaseResult(first)).toEqual({ status: 'unassigned', reason: 'released by ops' });
    expect(releaseResult(repeat)).toEqual(releaseResult(first));
    expect(world.release('press-01', 'another').type).toBe('ReleaseRefused');
    expect(world.ledger.loads.get('hub-a')).toBe(0);
    expect(world.moved).toHaveLength(1);
  });

  it('is a new one once the device has registered again', () => {
    const world = new World().assign('press-01', 'hub-a');
    world.release('press-01');
    world.assign('press-01', 'hub-b');
    expect(world.release('press-01').data).toMatchObject({ hub: 'hub-b' });
    expect([...world.ledger.loads.values()]).toEqual([0, 0]);
  });

  it('folds from the store to the ledger that decided it', () => {
    const world = new World().assign('press-01', 'hub-a').refuse('ghost');
    const folded = new World().assign('press-01', 'hub-a').refuse('ghost').ledger;
    for (const [id, request] of [
      ['press-01', 'r1'],
      ['press-01', 'r1'],
      ['press-01', 'r2'],
      ['ghost', 'r1'],
      ['nobody', 'r1'],
    ] as const) {
      world.release(id, request);
      const stored = JSON.parse(JSON.stringify(world.events.at(-1))) as ReleaseEvent;
      evolveLedger(folded, stored, { revision: folded.revision + 1, position: '1' });
    }
    expect(new Map(folded.devices)).toEqual(new Map(world.ledger.devices));
    expect(folded).toMatchObject({ lastOffset: world.ledger.lastOffset, revision: world.ledger.revision });
    expect(folded.loads).toEqual(world.ledger.loads);
  });
});
