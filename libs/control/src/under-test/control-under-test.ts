import { type BerthEvent, EventStore, type StoredEvent } from '@berth/event-store';
import { type EventStoreNode, startEventStoreNode } from '@berth/event-store-node';
import { Clock } from '@berth/platform';
import { openReadModel, type OpenReadModel, ReadModel } from '@berth/read-model';
import { openEmbeddedLog, RegistrationLog } from '@berth/registration-log';
import { MasterKey } from '@berth/secrets';
import { Global, type INestApplicationContext, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlModule } from '../control.module.js';
import { Imports } from '../import/imports.js';
import { type Limits } from '../limits.js';
import { type Origin } from '../origin.js';

export const limits: Limits = {
  groupsWithKeysMax: 3,
  groupsWithCertificatesMax: 4,
  caCertificatesMax: 3,
  bulkRowsMax: 250,
};
export const webhookHosts = new Set(['hooks.example.com']);
export const origin: Origin = {
  correlationId: 'wish-1',
  actor: 'ops',
  traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
};

/** The command handlers on a real event store and a real read model, with a clock that is set by hand. */
export class ControlUnderTest {
  private constructor(
    readonly store: EventStore,
    readonly readModel: OpenReadModel,
    private readonly log: RegistrationLog,
    readonly masterKey: MasterKey,
    readonly commands: CommandBus,
    readonly queries: QueryBus,
    readonly imports: Imports,
    readonly folder: string,
    private readonly clock: { at: number },
    private readonly node: EventStoreNode,
    private readonly app: INestApplicationContext,
  ) {}

  /** @param at milliseconds since 1970. */
  static async start(at: number, masterKey = new MasterKey(randomBytes(32))): Promise<ControlUnderTest> {
    const folder = await mkdtemp(join(tmpdir(), 'berth-control-'));
    const node = await startEventStoreNode({ dataFolder: folder });
    const store = new EventStore(node.connectionString);
    const readModel = await openReadModel({ dataFolder: folder });
    readModel.projector.start(store);
    const log = await openEmbeddedLog({ dataFolder: folder, partitions: 1 });
    const clock = { at };
    const engines = [
      { provide: EventStore, useValue: store },
      { provide: ReadModel, useValue: readModel.readModel },
      { provide: RegistrationLog, useValue: log },
      { provide: MasterKey, useValue: masterKey },
      { provide: Clock, useValue: { now: () => clock.at } satisfies Clock },
    ];
    @Global()
    @Module({ providers: engines, exports: engines.map(({ provide }) => provide) })
    class Engines {}
    @Module({ imports: [Engines, ControlModule.forRoot(limits, { hosts: webhookHosts })] })
    class App {}
    const app = await NestFactory.createApplicationContext(App, { logger: ['error', 'warn'] });
    await app.init();
    const [commands, queries, imports] = [app.get(CommandBus), app.get(QueryBus), app.get(Imports)];
    return new ControlUnderTest(store, readModel, log, masterKey, commands, queries, imports, folder, clock, node, app);
  }

  passMs(duration: number): void {
    this.clock.at += duration;
  }

  get now(): number {
    return this.clock.at;
  }

  async eventsOf<E extends BerthEvent>(stream: string): Promise<StoredEvent<E>[]> {
    const events: StoredEvent<E>[] = [];
    for await (const event of this.store.read<E>(stream)) events.push(event);
    return events;
  }

  async stop(): Promise<void> {
    await this.app.close();
    await this.log.close();
    await this.readModel.close();
    await this.store.close();
    await this.node.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
