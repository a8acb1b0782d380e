import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type DataKeyEvent, type EnrollmentEvent, type HubEvent, type LinkedHub } from '@berth/domain';
import { type EventStore, streams } from '@berth/event-store';
import { type MasterKey } from '@berth/secrets';
import { enrollmentData } from '@berth/testing';
import { type CommandBus } from '@nestjs/cqrs';
import { randomBytes, randomUUID } from 'node:crypto';
import {
  ChangeEnrollment,
  ChangeHub,
  ChooseAllocationPolicy,
  CordonHub,
  CreateEnrollment,
  DeleteEnrollment,
  type EnrollmentWish,
  LinkHub,
  UncordonHub,
  UnlinkHub,
} from './index.js';
import { ControlUnderTest, origin } from './under-test/control-under-test.js';

const at = '2026-11-22T10:00:00.000Z';

describe('control on a real event store', () => {
  let control: ControlUnderTest;
  let store: EventStore;
  let masterKey: MasterKey;
  let bus: CommandBus;

  beforeAll(async () => {
    control = await ControlUnderTest.start(Date.parse(at));
    ({ store, masterKey, commands: bus } = control);
  });
  afterAll(async () => {
    await control?.stop();
  });

  const eventsOf = <E extends HubEvent | EnrollmentEvent | DataKeyEvent>(stream: string) => control.eventsOf<E>(stream);

  const newHub = (name = `hub-${randomUUID()}`) => ({
    name,
    weight: 1,
    capacity: null,
    region: null,
    connection: null,
  });
  const newWish = (change: Partial<EnrollmentWish> = {}): EnrollmentWish => {
    const { idempotency: _, ...data } = enrollmentData(`Press-${randomUUID()}`, '/gateways/one');
    const attestation = { type: 'gateway' as const, sources: ['/gateways/a'] };
    return { ...data, attestation, idempotencyKey: null, ...change };
  };
  const withKeys = (change: Partial<EnrollmentWish> = {}) =>
    newWish({ attestation: { type: 'symmetricKey', primary: null, secondary: null }, ...change });
  const keyIdOf = (event: EnrollmentEvent | undefined) =>
    event?.type === 'EnrollmentCreated' && event.data.attestation.type === 'symmetricKey'
      ? event.data.attestation.primary.keyId
      : '';

  it('records a link with who, when and by which request', async () => {
    const hub = newHub();
    const outcome = await bus.execute(new LinkHub(hub, origin));
    expect(outcome).toMatchObject({ ok: true, version: 0, state: { status: 'linked', state: 'open', ...hub } });
    const [stored, ...more] = await eventsOf<HubEvent>(streams.hub(hub.name));
    expect(more).toEqual([]);
    expect(stored?.event).toEqual({ type: 'HubLinked', v: 1, data: hub });
    expect(stored?.metadata).toEqual({ ...origin, at });
    expect(outcome.position).toBe(stored?.position);
  });

  it('tells a stale change the current version, and changes nothing', async () => {
    const { name } = newHub('Stale.Hub');
    await bus.execute(new LinkHub(newHub(name), origin));
    await bus.execute(new ChangeHub({ name, weight: 3 }, origin));
    const outcome = await bus.execute(new ChangeHub({ name, weight: 5 }, origin, 0));
    expect(outcome).toMatchObject({ ok: false, rejection: { kind: 'versionConflict', currentVersion: 1 } });
    expect(await bus.execute(new ChangeHub({ name, weight: 5 }, origin, 1))).toMatchObject({
      ok: true,
      state: { weight: 5 },
    });
  });

  it('gives the last position also when nothing changed', async () => {
    const hub = newHub();
    await bus.execute(new LinkHub(hub, origin));
    const first = await bus.execute(new CordonHub(hub.name, origin));
    const again = await bus.execute(new CordonHub(hub.name, origin));
    expect(again).toEqual(first);
    expect(await bus.execute(new UncordonHub(hub.name, origin))).toMatchObject({ ok: true, state: { state: 'open' } });
  });

  it('names no stream after what cannot be a hub or a device', async () => {
    expect(await bus.execute(new CordonHub('x'.repeat(1 << 20), origin))).toMatchObject({
      rejection: { kind: 'hubNotLinked' },
    });
    expect(await bus.execute(new LinkHub(newHub('$all'), origin))).toMatchObject({
      rejection: { kind: 'invalidHubName' },
    });
    const rejection = { kind: 'invalidRegistrationId' };
    expect((await bus.execute(new CreateEnrollment(newWish({ registrationId: 'a b' }), origin))).outcome).toMatchObject(
      {
        rejection,
      },
    );
  });

  it("keeps a hub's connection string sealed, and destroys its key with the link", async () => {
    const connection = 'HostName=h;SharedAccessKey=top-secret';
    const hub = { ...newHub(), connection };
    const outcome = await bus.execute(new LinkHub(hub, origin));
    const [stored] = await eventsOf<HubEvent>(streams.hub(hub.name));
    expect(JSON.stringify(stored?.event)).not.toContain('top-secret');
    const sealed = ((outcome.ok && outcome.state) as LinkedHub).connection!;
    const [dataKey] = await eventsOf<DataKeyEvent>(streams.dataKey(sealed.keyId));
    expect(dataKey!.position).toBeLessThan(stored!.position);
    expect(masterKey.open(sealed, dataKey!.event.data)?.toString()).toBe(connection);

    expect(await bus.execute(new UnlinkHub(hub.name, origin))).toMatchObject({
      ok: true,
      state: { status: 'unlinked' },
    });
    expect(await eventsOf(streams.dataKey(sealed.keyId))).toEqual([]);
  });

  it('unlinks a hub right after a refusal, of which the read model never hears', async () => {
    const hub = newHub();
    const wish = withKeys();
    await bus.execute(new LinkHub(hub, origin));
    await bus.execute(new CreateEnrollment(wish, origin));
    const { outcome } = await bus.execute(new CreateEnrollment({ ...wish, enabled: false }, origin));
    expect(outcome).toMatchObject({ ok: false });
    expect(await bus.execute(new UnlinkHub(hub.name, origin))).toMatchObject({ ok: true });
  });

  it('knows the linked hubs at once, from their own streams', async () => {
    const hub = newHub();
    const policy = { kind: 'static', hubs: [hub.name.toUpperCase()] } as const;
    const refused = { ok: false, rejection: { kind: 'hubNotLinked', index: 0 } };
    expect(await bus.execute(new ChooseAllocationPolicy(policy, origin))).toMatchObject(refused);
    await bus.execute(new LinkHub(hub, origin));
    expect(await bus.execute(new ChooseAllocationPolicy(policy, origin))).toMatchObject({ ok: true, state: policy });
    const referenced = { kind: 'hubReferenced', name: hub.name, references: { policy: true, enrollmentCount: 0 } };
    expect(await bus.execute(new UnlinkHub(hub.name, origin))).toMatchObject({ ok: false, rejection: referenced });
    await bus.execute(new UnlinkHub(hub.name, origin, true));
    expect(await bus.execute(new ChooseAllocationPolicy({ ...policy, hubs: [hub.name] }, origin))).toMatchObject(
      refused,
    );
    const { outcome } = await bus.execute(new CreateEnrollment(newWish({ hubs: [hub.name] }), origin));
    expect(outcome).toMatchObject(refused);
  });

  it('refuses hubs for a policy that has no use for them', async () => {
    const outcome = await bus.execute(new ChooseAllocationPolicy({ kind: 'evenlyWeighted', hubs: ['a'] }, origin));
    expect(outcome).toMatchObject({ ok: false, rejection: { kind: 'hubsOnlyForStatic' } });
  });

  it('generates symmetric keys, tells them once, and stores them sealed', async () => {
    const wish = withKeys();
    const { outcome, generatedKeys } = await bus.execute(new CreateEnrollment(wish, origin));
    expect(outcome.ok).toBe(true);
    const [stored] = await eventsOf<EnrollmentEvent>(streams.enrollment(wish.registrationId));
    const text = JSON.stringify(stored?.event);
    for (const key of [generatedKeys!.primary!, generatedKeys!.secondary!]) {
      expect(Buffer.from(key, 'base64').length).toBe(64);
      expect(text).not.toContain(key);
    }
    const [dataKey] = await eventsOf<DataKeyEvent>(streams.dataKey(keyIdOf(stored?.event)));
    const { attestation } = (stored?.event as Extract<EnrollmentEvent, { type: 'EnrollmentCreated' }>).data;
    if (attestation.type !== 'symmetricKey') throw new Error(attestation.type);
    const opened = masterKey.open(attestation.secondary, dataKey!.event.data);
    expect(opened?.toString('base64')).toBe(generatedKeys!.secondary);
    expect((await bus.execute(new CreateEnrollment(wish, origin))).generatedKeys).toBeNull();
  });

  it('tells only the key that it generated', async () => {
    const primary = randomBytes(32).toString('base64');
    const wish = newWish({ attestation: { type: 'symmetricKey', primary, secondary: null } });
    const { generatedKeys } = await bus.execute(new CreateEnrollment(wish, origin));
    expect(generatedKeys).toEqual({ primary: null, secondary: expect.any(String) });
    const both = newWish({ attestation: { type: 'symmetricKey', primary, secondary: primary } });
    expect((await bus.execute(new CreateEnrollment(both, origin))).generatedKeys).toBeNull();
  });

  it('refuses what is no key, and keeps no data key for it', async () => {
    const wish = newWish({ attestation: { type: 'symmetricKey', primary: 'c2hvcnQ=', secondary: null } });
    const { outcome } = await bus.execute(new CreateEnrollment(wish, origin));
    expect(outcome).toMatchObject({ ok: false, rejection: { kind: 'invalidSymmetricKey', key: 'primary' } });
    expect(
      JSON.stringify(outcome, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)),
    ).not.toContain('c2hvcnQ=');
  });

  it('answers the same wish under the same idempotency key like the first time', async () => {
    const wish = withKeys({ idempotencyKey: randomUUID(), initialTwin: { tags: { a: 1, b: 2 } } });
    const first = await bus.execute(new CreateEnrollment(wish, origin));
    const again = await bus.execute(new CreateEnrollment({ ...wish, initialTwin: { tags: { b: 2, a: 1 } } }, origin));
    expect(again).toEqual(first);
    expect(again.generatedKeys).not.toBeNull();
    expect(await eventsOf(streams.enrollment(wish.registrationId))).toHaveLength(1);
    const other = await bus.execute(new CreateEnrollment({ ...wish, enabled: false }, origin));
    expect(other.outcome).toMatchObject({ ok: false, rejection: { kind: 'idempotencyKeyReused' } });
    expect(other.generatedKeys).toBeNull();
  });

  it('refuses an empty idempotency key', async () => {
    const { outcome } = await bus.execute(new CreateEnrollment(newWish({ idempotencyKey: '' }), origin));
    expect(outcome).toMatchObject({ ok: false, rejection: { kind: 'invalidIdempotencyKey' } });
  });

  it('leaves no data key behind a refusal or a repeat', async () => {
    const wish = withKeys();
    await bus.execute(new CreateEnrollment(wish, origin));
    await bus.execute(new CreateEnrollment(wish, origin));
    const keys: string[] = [];
    const following = store.follow<DataKeyEvent>({
      prefixes: ['dataKey-'],
      after: null,
      handle: (events) => void keys.push(...events.map(({ event }) => event.data.keyId)),
    });
    await following.caughtUp;
    const cited: string[] = [];
    for (const keyId of keys) if ((await eventsOf(streams.dataKey(keyId))).length > 0) cited.push(keyId);
    const [created] = await eventsOf<EnrollmentEvent>(streams.enrollment(wish.registrationId));
    expect(cited).toContain(keyIdOf(created?.event));
    for (const keyId of cited) expect(await isCited(keyId)).toBe(true);
  });

  async function isCited(keyId: string): Promise<boolean> {
    let found = false;
    const following = store.follow<EnrollmentEvent | HubEvent>({
      prefixes: ['enrollment-', 'hub-'],
      after: null,
      handle: (events) => void (found ||= events.some(({ event }) => JSON.stringify(event).includes(keyId))),
    });
    await following.caughtUp;
    return found;
  }

  it('destroys the data key with the enrollment', async () => {
    const wish = withKeys();
    await bus.execute(new CreateEnrollment(wish, origin));
    const [created] = await eventsOf<EnrollmentEvent>(streams.enrollment(wish.registrationId));
    const keyId = keyIdOf(created?.event);
    expect(await eventsOf(streams.dataKey(keyId))).toHaveLength(1);
    expect(await bus.execute(new DeleteEnrollment(wish.registrationId, origin))).toMatchObject({
      ok: true,
      state: { status: 'none' },
    });
    expect(await eventsOf(streams.dataKey(keyId))).toEqual([]);
  });

  it.each(['a repeated delete', 'creating it anew'])(
    'after a death between the two steps of a delete, %s ends it',
    async (how) => {
      const wish = withKeys();
      const { registrationId } = wish;
      await bus.execute(new CreateEnrollment(wish, origin));
      const stream = streams.enrollment(registrationId);
      const keyId = keyIdOf((await eventsOf<EnrollmentEvent>(stream))[0]?.event);
      // What the store holds when Berth died right after the first step.
      const deleted: EnrollmentEvent = { type: 'EnrollmentDeleted', v: 1, data: { registrationId } };
      await store.append(stream, [deleted], 0, { ...origin, at });
      expect(await eventsOf(streams.dataKey(keyId))).toHaveLength(1);

      if (how === 'creating it anew') {
        expect((await bus.execute(new CreateEnrollment(wish, origin))).outcome.ok).toBe(true);
        const present = keyIdOf((await eventsOf<EnrollmentEvent>(stream)).at(-1)?.event);
        expect(await eventsOf(streams.dataKey(present))).toHaveLength(1);
      } else {
        const outcome = await bus.execute(new DeleteEnrollment(registrationId, origin));
        expect(outcome).toMatchObject({ ok: false, rejection: { kind: 'enrollmentNotFound' } });
      }
      expect(await eventsOf(streams.dataKey(keyId))).toEqual([]);
    },
  );

  it('disables and enables, and minds the version', async () => {
    const wish = newWish();
    const { registrationId } = wish;
    await bus.execute(new CreateEnrollment(wish, origin));
    const disable = new ChangeEnrollment({ registrationId, enabled: false, terms: {} }, origin, 0);
    expect((await bus.execute(disable)).outcome).toMatchObject({ ok: true, version: 1 });
    const enable = new ChangeEnrollment({ registrationId, enabled: true, terms: {} }, origin, 0);
    const { outcome: stale } = await bus.execute(enable);
    expect(stale).toMatchObject({ ok: false, rejection: { kind: 'versionConflict', currentVersion: 1 } });
  });

  it('makes one enrollment of twenty wishes at once', async () => {
    const wish = withKeys();
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () => bus.execute(new CreateEnrollment(wish, origin))),
    );
    const created = outcomes.filter(({ outcome }) => outcome.ok);
    expect(created).toHaveLength(1);
    const [stored, ...more] = await eventsOf<EnrollmentEvent>(streams.enrollment(wish.registrationId));
    expect(more).toEqual([]);
    expect(await eventsOf(streams.dataKey(keyIdOf(stored?.event)))).toHaveLength(1);
  });
});
