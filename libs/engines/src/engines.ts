import { type DynamicModule, Module, type ValueProvider } from '@nestjs/common';
import { EventStore } from '@berth/event-store';
import { type Service, type Settings } from '@berth/platform';
import { type OpenReadModel, openReadModel, ReadModel } from '@berth/read-model';
import { connectKafkaLog, openEmbeddedLog, RegistrationLog } from '@berth/registration-log';
import { checkMasterKey, MasterKey } from '@berth/secrets';
import { hostname } from 'node:os';
import { idScopeOf } from './deployment.js';

/** How long a silent allocator keeps its partitions before another takes them over. */
const sessionMs = 10_000;

/**
 * What a service stands on, embedded or elsewhere as its settings say. Each service opens what it needs; all of it is then
 * provided by one global module, and closed in reverse order.
 */
export class Engines {
  private readonly closers: (() => Promise<void>)[] = [];
  private readonly providers: ValueProvider[] = [];

  /** A service over what `compose` opens; when that fails, what it has opened is closed again. */
  static async compose(compose: (engines: Engines) => Promise<Omit<Service, 'close'>>): Promise<Service> {
    const engines = new Engines();
    try {
      return { ...(await compose(engines)), close: () => engines.close() };
    } catch (error) {
      await engines.close();
      throw error;
    }
  }

  /** Connects when first used. */
  eventStore(url: string): EventStore {
    const store = new EventStore(url);
    this.opened(EventStore, store, () => store.close());
    return store;
  }

  /** @throws LogFault when no broker can be reached, or they refuse who we are. A topic with other partitions is warned of. */
  async registrationLog({
    kafka,
    dataFolder,
    partitions,
  }: Pick<Settings, 'kafka' | 'dataFolder' | 'partitions'>): Promise<RegistrationLog> {
    const log = kafka
      ? await connectKafkaLog({
          ...kafka,
          sasl: kafka.sasl ?? undefined,
          tls: kafka.tls ?? undefined,
          partitions,
          clientId: `berth-${hostname()}`,
          sessionMs,
        })
      : await openEmbeddedLog({ dataFolder, partitions });
    this.opened(RegistrationLog, log, () => log.close());
    return log;
  }

  /** Its projector is not started yet. @throws DatabaseUnavailable */
  async readModel({ databaseUrl, dataFolder }: Pick<Settings, 'databaseUrl' | 'dataFolder'>): Promise<OpenReadModel> {
    const open = await openReadModel(databaseUrl === null ? { dataFolder } : { databaseUrl });
    this.opened(ReadModel, open.readModel, () => open.close());
    return open;
  }

  /** @throws UnusableSettings when the store's secrets are wrapped by another. @throws StoreUnavailable */
  async masterKey(
    { masterKey: key, formerMasterKeys }: { masterKey: Buffer } & Pick<Settings, 'formerMasterKeys'>,
    store: EventStore,
  ): Promise<void> {
    const masterKey = new MasterKey(key, formerMasterKeys);
    await checkMasterKey(masterKey, store);
    this.opened(MasterKey, masterKey);
  }

  /** The ID scope of the settings, else the one that this deployment was founded with. */
  async idScope(settings: Pick<Settings, 'idScope'>, store: EventStore): Promise<string> {
    return settings.idScope ?? idScopeOf(store);
  }

  /** Takes care of something a service has brought itself. */
  closeWith(close: () => Promise<void>): void {
    this.closers.push(close);
  }

  /** Everything opened so far, for all modules. */
  module(...others: ValueProvider[]): DynamicModule {
    const providers = [...this.providers, ...others];
    return { module: EnginesModule, global: true, providers, exports: providers.map(({ provide }) => provide) };
  }

  async close(): Promise<void> {
    for (const close of this.closers.splice(0).reverse()) await close();
  }

  private opened(token: ValueProvider['provide'], value: unknown, close?: () => Promise<void>): void {
    this.providers.push({ provide: token, useValue: value });
    if (close) this.closers.push(close);
  }
}

@Module({})
class EnginesModule {}
