// `npm run mutate -- libs/domain/src/allocation`: breaks the domain in one small place after another (StrykerJS) and looks whether a
// test notices. Prints what survived, and a table by folder. docs/reliability.md says what came of it.
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const help = `npm run mutate -- PATH… [--specs PATH]…

  PATH          what is mutated: files or folders of libs/domain/src; a file may name lines (decide.ts:100-200)
  --specs PATH  files or folders of the specs that are tried; default: those of the same folders. Simulations and long suites
                are left out

Takes a tenth of a second a mutant or more than a second, as the specs are, and a folder has hundreds. Installs StrykerJS into tools/mutation on its first use.`;

/** Of what Stryker says of a mutant. */
interface Mutant {
  fileName: string;
  status: 'Killed' | 'Timeout' | 'Survived' | 'NoCoverage' | 'CompileError' | 'RuntimeError' | 'Ignored';
}

interface StrykerCore {
  Stryker: new (options: object) => { runMutationTest(): Promise<Mutant[]> };
}

const root = fileURLToPath(new URL('..', import.meta.url));
const home = join(root, 'tools/mutation');
const domain = 'libs/domain/src';
/** The lines that a path may name. */
const range = /:\d+-\d+$/;
const notMutated = ['**/*.spec.ts', '**/under-test/**', '**/index.ts'];

const { files, specs } = readArguments();
install();
const mutants = await mutate();
console.log(`\n${tableOf(mutants)}`);

function readArguments(): { files: string[]; specs: string[] } {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { specs: { type: 'string', multiple: true } },
  });
  const paths = positionals.map(within);
  const specs = values.specs?.map(within) ?? [];
  if (paths.length === 0 || [...paths, ...specs].some((path) => !path.startsWith(domain) || !exists(path))) {
    console.error(help);
    process.exit(2);
  }
  const filesIn = (path: string) =>
    isFile(path) ? path : globSync(`${path}/**/*.ts`, { cwd: root, exclude: notMutated });
  const besides = paths.map((path) => (isFile(path) ? dirname(path) : path));
  return { files: paths.flatMap(filesIn), specs: specs.length > 0 ? specs : besides };
}

function within(path: string): string {
  return relative(root, resolve(root, path));
}

function exists(path: string): boolean {
  return existsSync(join(root, path.replace(range, '')));
}

function isFile(path: string): boolean {
  return statSync(join(root, path.replace(range, ''))).isFile();
}

/** On its first use: nothing else needs these packages. */
function install(): void {
  // Written by npm when it is done.
  if (existsSync(join(home, 'node_modules/.package-lock.json'))) return;
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: home, stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(1);
}

async function mutate(): Promise<Mutant[]> {
  const packages = pathToFileURL(join(home, 'node_modules/@stryker-mutator/')).href;
  const { Stryker } = (await import(`${packages}core/dist/src/index.js`)) as StrykerCore;
  return new Stryker({
    mutate: files,
    plugins: [`${packages}jest-runner/dist/src/index.js`, pathToFileURL(join(home, 'survivors.js')).href],
    testRunner: 'jest',
    testRunnerNodeArgs: ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
    jest: {
      configFile: 'jest.config.js',
      config: {
        roots: ['<rootDir>/libs/domain'],
        testMatch: specs.map((path) => `<rootDir>/${isFile(path) ? path : `${path}/**/!(*.sim|*.long).spec.ts`}`),
        setupFiles: ['reflect-metadata', '<rootDir>/tools/mutation/brief-properties.js'],
      },
    },
    coverageAnalysis: 'perTest',
    // What is computed as a module is loaded would meet every test; texts are what messages say, and kinds, which the types hold.
    ignoreStatic: true,
    mutator: { excludedMutations: ['StringLiteral'] },
    concurrency: 2,
    // Jest doesn't let go of all modules of a run.
    maxTestRunnerReuse: 100,
    ignorePatterns: [
      '**',
      ...['!libs/domain/**', '!jest.config.js', '!package.json', '!tools/jest-tally.js', '!tools/mutation/*.js'],
    ],
    disableTypeChecks: false,
    allowConsoleColors: false,
    reporters: ['progress-append-only', 'survivors'],
  }).runMutationTest();
}

function tableOf(all: readonly Mutant[]): string {
  const folders = Map.groupBy(all, ({ fileName }) => dirname(relative(join(root, domain), fileName)));
  const rows = [...folders].sort(([a], [b]) => (a < b ? -1 : 1)).map(([folder, its]) => row(folder, its));
  return ['| folder | mutants | killed | survived | score |', '| --- | --- | --- | --- | --- |', ...rows].join('\n');
}

function row(folder: string, its: readonly Mutant[]): string {
  const count = (...statuses: Mutant['status'][]) => its.filter(({ status }) => statuses.includes(status)).length;
  // What never ends has been noticed.
  const [killed, survived] = [count('Killed', 'Timeout'), count('Survived', 'NoCoverage')];
  const score = ((100 * killed) / Math.max(1, killed + survived)).toFixed(1);
  return `| \`${folder}\` | ${killed + survived} | ${killed} | ${survived} | ${score} % |`;
}
