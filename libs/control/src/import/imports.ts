import {
  beginImport,
  evolveImport,
  type Import,
  type ImportEvent,
  type ImportMode,
  type ImportProgress,
  type ImportRejection,
  noImport,
  registrationKey,
  type RowError,
} from '@berth/domain';
import {
  type EventMetadata,
  EventStore,
  noStream,
  projectedPrefixes,
  RevisionConflict,
  streams,
} from '@berth/event-store';
import { Clock } from '@berth/platform';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { createHash } from 'node:crypto';
import { type Readable } from 'node:stream';
import { inOrderByKey, rowsAtOnce } from '../bulk/in-order-by-key.js';
import { type EnrollmentWish } from '../enrollment/create-enrollment.js';
import { HubLookUp } from '../hub/hub-record.js';
import { metadataOf, type Origin } from '../origin.js';
import { ImportEnrollment, type ImportedRejection } from './import-enrollment.js';
import { type Line, LineSplitter } from './lines.js';

/** Imports that one process takes in at the same time. */
export const importsAtOnceMax = 4;

/**
 * Lines worked on before the progress is recorded: done again when the process dies. A page ends early with its bytes,
 * which bound the memory it takes, or its age, so that a slow upload shows.
 */
const page = { linesMax: 500, bytesMax: 4 * 1024 * 1024, ageMaxMs: 1_000 } as const;

/** Longest texts kept with a row's error, in characters: a page of errors stays well below 512 KiB. */
const keptMax = { registrationId: 128, field: 32, message: 300 } as const;

/** What is wrong with a row, in the words of whoever takes the import in. */
export type RowFault = Pick<RowError, 'code' | 'field' | 'message'>;

/** How rows are read, and refusals told. */
export interface RowLanguage {
  /** @param text of one line; null when it was too long. */
  wishOf(text: Buffer | null): EnrollmentWish | { fault: RowFault; registrationId: string | null };
  faultOf(rejection: ImportedRejection): RowFault;
}

export interface Upload {
  name: string;
  mode: ImportMode;
  /** Byte of the file with which the upload begins; null: with the first, and what is done is passed over. */
  offset: number | null;
  /** NDJSON. Is read as fast as rows are done. */
  content: Readable;
  language: RowLanguage;
  origin: Origin;
}

export type Uploaded =
  /**
   * Completed, or interrupted by a fault (null: the upload itself broke off) with the rest to be sent again. A read model that
   * has reached the position shows the rows that are done.
   */
  | { ok: true; state: Exclude<Import, { status: 'none' }>; fault: unknown; position: bigint | null }
  | { ok: false; rejection: ImportRejection | { kind: 'tooManyImports'; max: number } | { kind: 'importTakenOver' } };

/** Takes in files of rows of any size, a page of lines at a time, and records how far it has come. */
@Injectable()
export class Imports implements OnModuleDestroy {
  private readonly underWay = new Set<Readable>();

  constructor(
    private readonly store: EventStore,
    private readonly commands: CommandBus,
    private readonly clock: Clock,
  ) {}

  /** @throws StoreUnavailable (retriable) when not even the beginning could be recorded. */
  async take(upload: Upload): Promise<Uploaded> {
    if (this.underWay.size >= importsAtOnceMax) {
      return { ok: false, rejection: { kind: 'tooManyImports', max: importsAtOnceMax } };
    }
    this.underWay.add(upload.content);
    try {
      return await this.run(upload);
    } catch (error) {
      if (error instanceof RevisionConflict) return { ok: false, rejection: { kind: 'importTakenOver' } };
      throw error;
    } finally {
      this.underWay.delete(upload.content);
    }
  }

  /** How far it has come; none when there is no such import. */
  async find(name: string): Promise<Import> {
    return (await this.last(name)).state;
  }

  /** What was wrong with rows, as far as it is recorded, in their order. @param after a row's number. */
  async *errors(name: string, after = 0): AsyncIterable<RowError> {
    for await (const { event } of this.store.read<ImportEvent>(streams.import(name))) {
      if (event.type !== 'ImportAdvanced' || event.data.rows <= after) continue;
      for (const error of event.data.errors) if (error.row > after) yield error;
    }
  }

  /** Uploads end where they are, as if they had broken off: the next process takes the rest. */
  onModuleDestroy(): void {
    for (const content of this.underWay) content.destroy(new Error('Berth was stopped'));
  }

  private async run(upload: Upload): Promise<Uploaded> {
    const { name, mode, offset, content, origin } = upload;
    const last = await this.last(name);
    const decision = beginImport({ name, mode, offset }, last.state);
    if (!decision.ok) return decision;
    const metadata = () => metadataOf(origin, this.clock);
    const progress = new Recorded(this.store, streams.import(name), last.revision, metadata);
    for (const event of decision.events) await progress.record(event);
    try {
      let toPass = offset === null ? progress.state.rows : 0;
      let passed: Line | undefined;
      for await (const lines of pagesOf(content, () => this.clock.now())) {
        const rest = lines.slice(toPass);
        if (toPass > 0) passed = lines[Math.min(toPass, lines.length) - 1];
        toPass -= lines.length - rest.length;
        if (toPass > 0) continue;
        if (passed && printOf(passed) !== progress.state.lastRow) return this.ofAnotherFile(progress);
        passed = undefined;
        if (rest.length > 0) await this.advance(rest, upload, progress);
      }
      if (toPass > 0) return this.ofAnotherFile(progress);
      await progress.record({ type: 'ImportCompleted', v: 1, data: progress.done });
      return { ok: true, state: progress.state, fault: null, position: this.position() };
    } catch (error) {
      if (error instanceof RevisionConflict) throw error;
      const state = await this.interrupted(progress, content, error);
      return { ok: true, state, fault: content.errored ? null : error, position: this.position() };
    }
  }

  private position(): bigint | null {
    return this.store.newestAppended(projectedPrefixes);
  }

  private async ofAnotherFile(progress: Recorded): Promise<Uploaded> {
    const { done } = progress;
    await progress.record({ type: 'ImportInterrupted', v: 1, data: { ...done, reason: 'another file was sent' } });
    return { ok: false, rejection: { kind: 'importOfAnotherFile', row: done.rows } };
  }

  /** Does the rows of one page, and records what came of them. */
  private async advance(lines: readonly Line[], upload: Upload, progress: Recorded): Promise<void> {
    const { mode, language, origin } = upload;
    const { done: before } = progress;
    const rows = lines.flatMap((line, index) =>
      isBlank(line) ? [] : [{ row: before.rows + index + 1, read: language.wishOf(line.content) }],
    );
    const errors: RowError[] = [];
    const counts = { created: 0, changed: 0, unchanged: 0, refused: 0 };
    const refuse = (row: number, registrationId: string | null, fault: RowFault) => {
      counts.refused += 1;
      errors.push(kept({ row, registrationId, ...fault }));
    };
    const hubs = new HubLookUp(this.store);
    const keyOf = ({ row, read }: (typeof rows)[number]) =>
      'fault' in read ? `${row}:` : registrationKey(read.registrationId);
    await inOrderByKey(rows, keyOf, rowsAtOnce, async ({ row, read }) => {
      if ('fault' in read) return refuse(row, read.registrationId, read.fault);
      const imported = await this.commands.execute(new ImportEnrollment(read, mode, origin, hubs));
      if (imported.ok) counts[imported.did] += 1;
      else refuse(row, read.registrationId, language.faultOf(imported.rejection));
    });
    const data: ImportProgress = {
      ...before,
      rows: before.rows + lines.length,
      bytes: before.bytes + lines.reduce((sum, { bytes }) => sum + bytes, 0),
      created: before.created + counts.created,
      changed: before.changed + counts.changed,
      unchanged: before.unchanged + counts.unchanged,
      refused: before.refused + counts.refused,
      lastRow: printOf(lines.at(-1) as Line),
    };
    errors.sort((a, b) => a.row - b.row);
    await progress.record({ type: 'ImportAdvanced', v: 1, data: { ...data, errors } });
  }

  /** Says so, if the store lets it: an import that nobody could interrupt goes on just the same. */
  private async interrupted(progress: Recorded, content: Readable, error: unknown): Promise<Recorded['state']> {
    const broken = content.errored?.message === 'Berth was stopped' ? 'Berth was stopped' : 'the upload broke off';
    const reason = content.errored ? broken : codeOf(error);
    await progress
      .record({ type: 'ImportInterrupted', v: 1, data: { ...progress.done, reason } })
      .catch(() => undefined);
    return progress.state;
  }

  private async last(name: string): Promise<{ state: Import; revision: number }> {
    let last: { state: Import; revision: number } = { state: noImport, revision: noStream };
    const reading = this.store.read<ImportEvent>(streams.import(name), { backwards: true, maxCount: 1 });
    for await (const { event, revision } of reading) last = { state: evolveImport(noImport, event), revision };
    return last;
  }
}

/** An import's stream while it is ours: every event at the exact revision, so that whoever takes it over stops us. */
class Recorded {
  private import: Import = noImport;

  constructor(
    private readonly store: EventStore,
    private readonly stream: string,
    private revision: number,
    private readonly metadata: () => EventMetadata,
  ) {}

  get state(): Exclude<Import, { status: 'none' }> {
    if (this.import.status === 'none') throw new Error('The import has not begun');
    return this.import;
  }

  /** What every event says. */
  get done(): ImportProgress {
    const { status: _, reason: _reason, ...done } = this.state;
    return done;
  }

  /** @throws RevisionConflict when somebody has taken the import over. */
  async record(event: ImportEvent): Promise<void> {
    this.revision = (await this.store.append(this.stream, [event], this.revision, this.metadata())).revision;
    this.import = evolveImport(this.import, event);
  }
}

/** Pages of lines. Rejects when the content breaks off; its last page is then not given. */
async function* pagesOf(content: Readable, now: () => number): AsyncIterable<readonly Line[]> {
  const splitter = new LineSplitter();
  let lines: Line[] = [];
  let bytes = 0;
  let since = now();
  // Destroying a request on the way out would take its connection along, and with it the answer.
  for await (const chunk of content.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    for (const line of splitter.push(chunk)) {
      lines.push(line);
      bytes += line.content?.length ?? 0;
      if (lines.length < page.linesMax && bytes < page.bytesMax) continue;
      yield lines;
      [lines, bytes, since] = [[], 0, now()];
    }
    if (lines.length === 0 || now() - since < page.ageMaxMs) continue;
    yield lines;
    [lines, bytes, since] = [[], 0, now()];
  }
  lines.push(...splitter.end());
  if (lines.length > 0) yield lines;
}

function isBlank({ content }: Line): boolean {
  return content !== null && content.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09);
}

function printOf({ content, bytes }: Line): string {
  return createHash('sha256')
    .update(content ?? `${bytes} bytes`)
    .digest('hex')
    .slice(0, 8);
}

function kept({ row, registrationId, code, field, message }: RowError): RowError {
  return {
    row,
    registrationId: registrationId === null ? null : clipped(registrationId, keptMax.registrationId),
    code,
    field: field && field.slice(0, 8).map((name) => clipped(name, keptMax.field)),
    message: clipped(message, keptMax.message),
  };
}

function clipped(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'an unexpected failure';
}
