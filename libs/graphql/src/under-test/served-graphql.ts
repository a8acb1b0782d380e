import { ControlModule } from '@berth/control';
import { EventStore } from '@berth/event-store';
import { type EventStoreNode, startEventStoreNode } from '@berth/event-store-node';
import { type Auth, PlatformModule, type Rates } from '@berth/platform';
import { type OpenReadModel, openReadModel, ReadModel } from '@berth/read-model';
import { openEmbeddedLog, RegistrationLog } from '@berth/registration-log';
import { MasterKey } from '@berth/secrets';
import { Global, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GraphqlModule } from '../graphql.module.js';

export interface Answer<T> {
  status: number;
  headers: Headers;
  data: T;
  errors: { message: string; path?: (string | number)[]; extensions: Record<string, unknown> }[] | undefined;
  extensions: { position: string | null } | undefined;
}

/** GraphQL as it is served, on a real event store and a real read model, on a free loopback port. */
export class ServedGraphql {
  private constructor(
    readonly url: string,
    readonly store: EventStore,
    readonly readModel: OpenReadModel,
    readonly node: EventStoreNode,
    private readonly log: RegistrationLog,
    private readonly app: NestFastifyApplication,
    private readonly folder: string,
  ) {}

  static async start(auth: Auth = { mode: 'none' }, rates?: Rates): Promise<ServedGraphql> {
    const folder = await mkdtemp(join(tmpdir(), 'berth-graphql-'));
    const node = await startEventStoreNode({ dataFolder: join(folder, 'store') });
    const store = new EventStore(node.connectionString);
    const readModel = await openReadModel({ dataFolder: folder });
    readModel.projector.start(store);
    const log = await openEmbeddedLog({ dataFolder: folder, partitions: 1 });
    const engines = [
      { provide: EventStore, useValue: store },
      { provide: RegistrationLog, useValue: log },
      { provide: MasterKey, useValue: new MasterKey(randomBytes(32)) },
      { provide: ReadModel, useValue: readModel.readModel },
    ];
    const limits = { groupsWithKeysMax: 10, groupsWithCertificatesMax: 10, caCertificatesMax: 5, bulkRowsMax: 250 };
    @Global()
    @Module({ providers: engines, exports: engines.map(({ provide }) => provide) })
    class Engines {}
    @Module({
      imports: [
        Engines,
        PlatformModule.forRoot(auth, rates),
        ControlModule.forRoot(limits, { hosts: new Set(['hooks.example.com']) }),
        GraphqlModule.forRoot({ idScope: '0ne0TEST' }),
      ],
    })
    class App {}
    const app = await NestFactory.create<NestFastifyApplication>(App, new FastifyAdapter(), { logger: false });
    await app.listen(0, '127.0.0.1');
    return new ServedGraphql(`${await app.getUrl()}/graphql`, store, readModel, node, log, app, folder);
  }

  async stop(): Promise<void> {
    await this.app.close();
    await this.log.close();
    await this.readModel.close();
    await this.store.close();
    await this.node.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  post(body: string, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(this.url, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });
  }

  async ask<T = Record<string, never>>(
    query: string,
    variables?: Record<string, unknown>,
    headers: Record<string, string> = {},
  ): Promise<Answer<T>> {
    const response = await this.post(JSON.stringify({ query, variables }), headers);
    const body = (await response.json()) as Pick<Answer<T>, 'data' | 'errors' | 'extensions'>;
    return { status: response.status, headers: response.headers, ...body };
  }
}
