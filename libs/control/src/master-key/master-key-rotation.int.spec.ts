import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type DataKeyEvent, type EnrollmentEvent } from '@berth/domain';
import { type EventStore, noStream, streams } from '@berth/event-store';
import { MasterKey } from '@berth/secrets';
import { enrollmentData, eventually } from '@berth/testing';
import { randomBytes, randomUUID } from 'node:crypto';
import { CreateEnrollmentHandler } from '../enrollment/create-enrollment.js';
import { CreateEnrollment, DeleteEnrollment } from '../index.js';
import { ControlUnderTest, origin } from '../under-test/control-under-test.js';
import { MasterKeyRotation } from './master-key-rotation.js';

const clock = { now: () => Date.parse('2026-11-23T10:00:00.000Z') };
const metadata = { correlationId: 'c', actor: 'a', at: '2026-11-23T10:00:00.000Z' };

describe('rotating the master key on a real event store', () => {
  let control: ControlUnderTest;
  let store: EventStore;
  const keys = Array.from({ length: 7 }, () => randomBytes(32));
  /** As a process has it before its n-th rotation: the new key, and all before. */
  const ring = (rotations: number) => new MasterKey(keys[rotations]!, keys.slice(0, rotations));

  beforeAll(async () => {
    control = await ControlUnderTest.start(clock.now(), ring(0));
    ({ store } = control);
  });
  afterAll(async () => {
    await control?.stop();
  });

  const rotation = (masterKey: MasterKey, over: EventStore = store) => new MasterKeyRotation(over, masterKey, clock);
  const wrapsOf = async (keyId: string) =>
    (await control.eventsOf<DataKeyEvent>(streams.dataKey(keyId))).map(({ event }) => event.data);

  const newestWrap = async (keyId: string) => (await wrapsOf(keyId)).at(-1)?.masterKeyId;

  /** An enrollment with keys. @returns its data key's id, and its name. */
  async function enrolled(): Promise<{ keyId: string; name: string }> {
    const name = `press-${randomUUID()}`;
    const { idempotency: _, ...data } = enrollmentData(name, '/x');
    const attestation = { type: 'symmetricKey' as const, primary: null, secondary: null };
    await control.commands.execute(new CreateEnrollment({ ...data, attestation, idempotencyKey: null }, origin));
    const [created] = await control.eventsOf<EnrollmentEvent>(streams.enrollment(name));
    if (created?.event.type !== 'EnrollmentCreated' || created.event.data.attestation.type !== 'symmetricKey') {
      throw new Error('not enrolled');
    }
    return { keyId: created.event.data.attestation.primary.keyId, name };
  }

  async function over(rotating: MasterKeyRotation) {
    return eventually('the rotation to be over', async () => {
      const { use } = await rotating.find();
      return use.status === 'inUse' && use;
    });
  }

  it('wraps every data key by the new one, and leaves out what was deleted', async () => {
    const records = [];
    for (let index = 0; index < 20; index += 1) records.push(await enrolled());
    const gone = await enrolled();
    await control.commands.execute(new DeleteEnrollment(gone.name, origin));
    const masterKey = ring(1);
    const rotating = rotation(masterKey);
    expect(await rotating.begin(origin)).toMatchObject({ ok: true, state: { status: 'rotating' } });
    expect(await over(rotating)).toMatchObject({ masterKeyId: masterKey.id, rewrapped: 20, unopenable: 0 });
    for (const { keyId } of records) {
      const wraps = await wrapsOf(keyId);
      expect(wraps.map(({ masterKeyId }) => masterKeyId)).toEqual([ring(0).id, masterKey.id]);
    }
    expect(await wrapsOf(gone.keyId)).toEqual([]);
  });

  it('finds nothing to do the second time, and then what a process without the new key has made since', async () => {
    const rotating = rotation(ring(1));
    await rotating.begin(origin);
    expect(await over(rotating)).toMatchObject({ rewrapped: 0 });
    const { keyId } = await enrolled();
    await rotating.begin(origin);
    expect(await over(rotating)).toMatchObject({ rewrapped: 1 });
    expect(await newestWrap(keyId)).toBe(ring(1).id);
  });

  it('goes on in another process where one was stopped', async () => {
    const { keyId } = await enrolled();
    const stopped = rotation(ring(2));
    await stopped.begin(origin);
    await stopped.onModuleDestroy();
    expect((await stopped.find()).use).toMatchObject({ status: 'rotating', masterKeyId: ring(2).id });
    const heir = rotation(ring(2));
    await heir.begin(origin);
    expect(await over(heir)).toMatchObject({ unopenable: 0 });
    expect(await newestWrap(keyId)).toBe(ring(2).id);
  });

  it('counts what no key at hand opens, and leaves it as it is', async () => {
    const { event } = new MasterKey(randomBytes(32)).newDataKey();
    await store.append(streams.dataKey(event.data.keyId), [event], noStream, metadata);
    const rotating = rotation(ring(3));
    await rotating.begin(origin);
    expect(await over(rotating)).toMatchObject({ unopenable: 1 });
    expect(await wrapsOf(event.data.keyId)).toEqual([event.data]);
  });

  it('leaves a key destroyed that is destroyed while it is wrapped anew', async () => {
    const { keyId, name } = await enrolled();
    const deleting = Object.assign(Object.create(store) as EventStore, {
      append: async (...[stream, ...rest]: Parameters<EventStore['append']>) => {
        if (stream === streams.dataKey(keyId)) await control.commands.execute(new DeleteEnrollment(name, origin));
        return store.append(stream, ...rest);
      },
    });
    const rotating = rotation(ring(4), deleting);
    await rotating.begin(origin);
    await over(rotating);
    expect(await wrapsOf(keyId)).toEqual([]);
  });

  it('leaves it destroyed also where the process that wrapped it ended before it looked', async () => {
    const { keyId, name } = await enrolled();
    const rewrapped = ring(4).rewrap((await wrapsOf(keyId))[0]!);
    await control.commands.execute(new DeleteEnrollment(name, origin));
    await store.append(streams.dataKey(keyId), [rewrapped!], 0, metadata);
    expect(await wrapsOf(keyId)).toHaveLength(1);
    const rotating = rotation(ring(4));
    await rotating.begin(origin);
    await over(rotating);
    expect(await wrapsOf(keyId)).toEqual([]);
  });

  it.each(['before', 'after'])(
    'answers a wish again that was answered %s it, and refuses another under its key',
    async (when) => {
      const { idempotency: _, ...data } = enrollmentData(`press-${randomUUID()}`, '/x');
      const attestation = { type: 'symmetricKey' as const, primary: null, secondary: null };
      const wish = { ...data, attestation, idempotencyKey: randomUUID() };
      const by = (masterKey: MasterKey) => new CreateEnrollmentHandler(store, masterKey, { hosts: new Set() }, clock);
      // A process that knows the new key as a former one has gone back to the old one.
      const [first, second] = when === 'before' ? [ring(0), ring(1)] : [ring(1), new MasterKey(keys[0]!, [keys[1]!])];
      const created = await by(first).execute(new CreateEnrollment(wish, origin));
      const again = await by(second).execute(new CreateEnrollment(wish, origin));
      expect(again.outcome).toMatchObject({ ok: true });
      expect(again.generatedKeys).toEqual(created.generatedKeys);
      const other = await by(second).execute(new CreateEnrollment({ ...wish, enabled: false }, origin));
      expect(other.outcome).toMatchObject({ ok: false, rejection: { kind: 'idempotencyKeyReused' } });
    },
  );

  it('that two processes begin at once is over once, and leaves no key by the former', async () => {
    const records = await Promise.all(Array.from({ length: 40 }, enrolled));
    const [one, other] = [rotation(ring(5)), rotation(ring(5))];
    const begun = await Promise.all([one.begin(origin), other.begin(origin)]);
    expect(begun.map(({ ok }) => ok)).toEqual([true, true]);
    await over(one);
    for (const { keyId } of records) {
      // Once each: who comes second finds it wrapped.
      expect((await wrapsOf(keyId)).map(({ masterKeyId }) => masterKeyId)).toEqual([ring(0).id, ring(5).id]);
    }
    const ends = (await control.eventsOf(streams.masterKey)).filter(({ event }) => event.type === 'MasterKeyRotated');
    await one.onModuleDestroy();
    await other.onModuleDestroy();
    expect(
      (await control.eventsOf(streams.masterKey)).filter(({ event }) => event.type === 'MasterKeyRotated'),
    ).toHaveLength(ends.length);
  });

  it('goes on behind what was recorded, and not from the beginning', async () => {
    const made = Array.from({ length: 1_500 }, () => ring(5).newDataKey().event);
    await Promise.all(
      made.map((event) => store.append(streams.dataKey(event.data.keyId), [event], noStream, metadata)),
    );
    // Ends as a process does, right after the first progress was recorded.
    let recorded = false;
    const ending = Object.assign(Object.create(store) as EventStore, {
      append: async (...[stream, events, ...rest]: Parameters<EventStore['append']>) => {
        if (recorded) throw new Error('the process ended');
        recorded = events[0]?.type === 'MasterKeyRotationAdvanced';
        return store.append(stream, events, ...rest);
      },
    });
    const ended = rotation(ring(6), ending);
    await ended.begin(origin);
    await eventually('the first progress', async () => {
      const { use } = await ended.find();
      return use.status === 'rotating' && use.rewrapped > 0;
    });
    await ended.onModuleDestroy();
    const wraps = await Promise.all(made.map(({ data }) => newestWrap(data.keyId)));
    const done = new Set(made.filter((_, index) => wraps[index] === ring(6).id));
    expect(done.size).toBeGreaterThan(0);
    expect(done.size).toBeLessThan(made.length);

    const tried = new Set<string>();
    const watched = Object.assign(Object.create(store) as EventStore, {
      append: async (...[stream, ...rest]: Parameters<EventStore['append']>) => {
        tried.add(stream);
        return store.append(stream, ...rest);
      },
    });
    const heir = rotation(ring(6), watched);
    await heir.begin(origin);
    await over(heir);
    // From the beginning it would try those again that are done.
    expect(made.filter(({ data }) => tried.has(streams.dataKey(data.keyId)))).toEqual(
      made.filter((it) => !done.has(it)),
    );
    for (const { data } of made.slice(-3)) expect(await newestWrap(data.keyId)).toBe(ring(6).id);
  });

  it('is refused to a process that has not the key in use', async () => {
    const refused = { ok: false, rejection: { kind: 'otherMasterKey', wanted: ring(6).id, current: ring(3).id } };
    expect(await rotation(ring(3)).begin(origin)).toMatchObject(refused);
  });
});
