// `npm run replay -- --partition p`: decides a ledger again from its recorded inputs and compares byte for byte. Reads only: it
// claims nothing, appends nothing, belongs to no consumer group. docs/reliability.md says what it can decide again.
import { firstDifference, type Replayed, replayLedger, storedLedger } from '@berth/allocator';
import { algorithmBuild } from '@berth/domain';
import { type DeploymentEvent, EventStore, streams } from '@berth/event-store';
import { DataFolderInUse, startEventStoreNode } from '@berth/event-store-node';
import { type Settings, settingsOrExit } from '@berth/platform';
import { connectKafkaLog, LogFault, openEmbeddedLog, type RegistrationLog } from '@berth/registration-log';
import { MasterKey } from '@berth/secrets';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const help = `npm run replay -- --partition P [--from-ledger]

Decides the ledger of partition P again and compares it byte for byte with what is stored. It opens what the settings
name (BERTH_DATA, BERTH_EVENTSTORE_URL, BERTH_KAFKA_BROKERS, BERTH_MASTER_KEY …); a Berth on embedded stores is stopped first.

  --partition P   partition of the registration topic, from 0
  --from-ledger   don't look for the messages: decide again what the ledger itself says of them

Exit code 0: the same. 1: not the same, or not to be had. 2: wrong arguments.`;

/** Something that the one who called this can mend. */
class Impossible extends Error {}

const { partition, fromLedger } = readArguments();
const settings = settingsOrExit();
const closers: (() => Promise<void>)[] = [];
try {
  await replay();
} catch (error) {
  console.error(error instanceof Impossible || error instanceof LogFault ? error.message : error);
  process.exitCode = 1;
} finally {
  for (const close of closers.reverse()) await close();
}

async function replay(): Promise<void> {
  const store = new EventStore(await eventStoreUrl(settings));
  closers.push(() => store.close());
  const idScope = settings.idScope ?? (await foundedIdScope(store));
  const log = fromLedger ? null : await registrationLog(settings);
  const masterKey = masterKeyOf(settings);
  const openSecret = masterKey ? masterKey.open.bind(masterKey) : () => null;
  console.log(`Replaying ledger-${partition} with build ${algorithmBuild} of the algorithm, ID scope ${idScope}`);
  const replayed = await replayLedger(await storedLedger({ store, log, idScope }, partition), openSecret);
  report(replayed, masterKey !== null);
  process.exitCode = replayed.difference === null ? 0 : 1;
}

function report(replayed: Replayed, hasKey: boolean): void {
  const { events, pagesFromMessages, pagesFromLedger, releases, takenOnTrust, otherBuilds, difference } = replayed;
  const say = (count: number, what: string) => count > 0 && console.log(`${String(count).padStart(10)}  ${what}`);
  say(events, 'events read');
  say(pagesFromMessages, 'pages decided again from their messages');
  say(pagesFromLedger, 'pages decided again from what the ledger says of their messages');
  say(releases, 'releases decided again');
  const why = hasKey
    ? 'the message is gone, or the keys are destroyed'
    : 'there is no master key, or the message is gone';
  say(takenOnTrust, `attestations taken as the ledger has them: ${why}`);
  for (const [build, count] of otherBuilds) {
    say(count, `pages of build ${build}, read but not decided again: only a Berth with that build can`);
  }
  if (events === 0) return console.log(`ledger-${partition} is empty: nothing has been decided in it.`);
  if (!difference) return console.log('The same, byte for byte.');
  const { revision, position, at, from, stored, decided } = difference;
  const parting = firstDifference(stored, decided);
  console.log(
    `\nDIFFERENT at event ${revision} of ledger-${partition} (position ${position}, decided ${at}), from its ${from}:`,
  );
  console.log(`  ${parting?.path || 'the whole event'}`);
  console.log(`    stored   ${shortened(parting?.stored)}`);
  console.log(`    replayed ${shortened(parting?.decided)}`);
  console.log(`
What to do:
  - Run the same replay with the version of Berth that was deployed at ${at}. When that one finds no difference, the
    algorithm was changed under the same build number: raise algorithmBuild in libs/domain/src/registration/decide.ts.
  - When that one finds it too, its inputs are not what they were (a topic made anew, another ID scope or master key, events
    deleted): --from-ledger tells whether it is the messages. Else the ledger was written by a defect: keep the data, report it.
  The ledger is the authority on who is where. Nothing was changed by this replay, and nothing needs to be.`);
}

function shortened(text: string | null | undefined): string {
  if (text === null || text === undefined) return '(nothing)';
  return text.length > 300 ? `${text.slice(0, 300)}… (${text.length} characters)` : text;
}

async function eventStoreUrl({ eventStoreUrl: url, dataFolder }: Settings): Promise<string> {
  if (url !== null) return url;
  const folder = join(dataFolder, 'event-store');
  if (!existsSync(folder)) throw new Impossible(`There is no event store in ${dataFolder}: set BERTH_DATA.`);
  try {
    const node = await startEventStoreNode({ dataFolder: folder });
    closers.push(() => node.stop());
    return node.connectionString;
  } catch (error) {
    if (!(error instanceof DataFolderInUse)) throw error;
    const running = 'set BERTH_EVENTSTORE_URL to the event store that it printed at its start, and use --from-ledger';
    throw new Impossible(`A Berth runs on ${dataFolder}: stop it, or ${running}.`);
  }
}

async function registrationLog({ kafka, dataFolder, partitions }: Settings): Promise<RegistrationLog> {
  const log = kafka
    ? await connectKafkaLog({
        ...kafka,
        sasl: kafka.sasl ?? undefined,
        tls: kafka.tls ?? undefined,
        partitions,
        clientId: 'berth-replay',
        sessionMs: 10_000,
      })
    : await openEmbeddedLog({ dataFolder, partitions, onWarning: () => undefined });
  closers.push(() => log.close());
  return log;
}

async function foundedIdScope(store: EventStore): Promise<string> {
  for await (const { event } of store.read<DeploymentEvent>(streams.deployment, { maxCount: 1 }))
    return event.data.idScope;
  throw new Impossible('This event store belongs to no Berth yet: nothing has been decided.');
}

/** Null when there is none: then no token can be checked anew. */
function masterKeyOf({ masterKey, formerMasterKeys, dataFolder }: Settings): MasterKey | null {
  const file = join(dataFolder, 'master.key');
  const key = masterKey ?? (existsSync(file) ? Buffer.from(readFileSync(file, 'utf8').trim(), 'base64') : null);
  return key && new MasterKey(key, formerMasterKeys);
}

function readArguments(): { partition: number; fromLedger: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        partition: { type: 'string' },
        'from-ledger': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    if (!values.help && /^\d{1,4}$/.test(values.partition ?? '')) {
      return { partition: Number(values.partition), fromLedger: values['from-ledger'] };
    }
    console.log(help);
    return process.exit(values.help ? 0 : 2);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${help}`);
    return process.exit(2);
  }
}
