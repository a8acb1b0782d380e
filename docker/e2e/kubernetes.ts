import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { parse, parseAllDocuments } from 'yaml';

export interface Manifest {
  file: string;
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  [field: string]: unknown;
}

/** The manifests that a kustomization takes together, its bases' too. @throws Error naming what is not there. */
export function manifestsOf(folder: string): Manifest[] {
  const { resources } = parse(readFileSync(join(folder, 'kustomization.yaml'), 'utf8')) as { resources: string[] };
  return resources.flatMap((name) => {
    const path = join(folder, name);
    if (!existsSync(path)) throw new Error(`${folder} names ${name}, which is not there`);
    return path.endsWith('.yaml') ? manifestsIn(path) : manifestsOf(path);
  });
}

function manifestsIn(file: string): Manifest[] {
  return parseAllDocuments(readFileSync(file, 'utf8')).map((document) => ({ ...document.toJS(), file }) as Manifest);
}

/** The published types of each kind. */
const types: Readonly<Record<string, string>> = {
  'v1 Namespace': 'kubernetes-models/v1/Namespace',
  'v1 Service': 'kubernetes-models/v1/Service',
  'apps/v1 Deployment': 'kubernetes-models/apps/v1/Deployment',
  'apps/v1 StatefulSet': 'kubernetes-models/apps/v1/StatefulSet',
  'policy/v1 PodDisruptionBudget': 'kubernetes-models/policy/v1/PodDisruptionBudget',
  'keda.sh/v1alpha1 ScaledObject': '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject',
  'keda.sh/v1alpha1 TriggerAuthentication': '@kubernetes-models/keda/keda.sh/v1alpha1/TriggerAuthentication',
};

/** What the schema of its kind says of a manifest: wrong types and values, missing fields. Nothing about fields it doesn't know. */
export async function schemaFault({ file: _file, ...manifest }: Manifest): Promise<string | null> {
  const models = (await import(typesOf(manifest))) as Record<string, new (data: object) => { validate(): void }>;
  const Model = models[manifest.kind];
  if (!Model) throw new Error(`No model for ${manifest.kind}`);
  try {
    new Model(manifest).validate();
    return null;
  } catch (error) {
    return String(error);
  }
}

/**
 * What the compiler says of manifests written out as literals of the published types: it is strict about fields that a kind
 * doesn't have, which a cluster would drop without a word.
 */
export function typeFaults(manifests: readonly Manifest[]): string[] {
  const text = manifests.map(({ file: _file, ...manifest }, index) => {
    const imported = `import type { I${manifest.kind} as T${index} } from '${typesOf(manifest)}';`;
    return `${imported}\nexport const m${index}: T${index} = ${JSON.stringify(manifest)};`;
  });
  // Beside this file, so that the types are found as they are here.
  const name = join(dirname(import.meta.filename), 'manifests.generated.ts');
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    strict: true,
    skipLibCheck: true,
    noEmit: true,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (path) => path === name || fileExists(path);
  host.readFile = (path) => (path === name ? text.join('\n') : readFile(path));
  host.getSourceFile = (path, ...rest) =>
    path === name ? ts.createSourceFile(path, text.join('\n'), ts.ScriptTarget.ES2023) : getSourceFile(path, ...rest);
  return ts
    .getPreEmitDiagnostics(ts.createProgram([name], options, host))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

function typesOf({ apiVersion, kind }: Pick<Manifest, 'apiVersion' | 'kind'>): string {
  const found = types[`${apiVersion} ${kind}`];
  if (!found) throw new Error(`No types are known for ${apiVersion} ${kind}: add them here`);
  return found;
}
